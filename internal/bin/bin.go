// Package bin serves throw-away URLs that answer any request and keep it to be looked at: the routes and fields
// of RequestBin, and on top of them answers of one's choice, exact bytes, and what turns a request into something of
// use: a curl command, a replay, a source.
package bin

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/egress"
)

// Store is what bins need of the store. See internal/store for the contracts.
type Store interface {
	CreateBin(ctx context.Context, b *hookyard.Bin, perAddress, total int) error
	Bin(ctx context.Context, name string, now time.Time) (*hookyard.Bin, error)
	SetBinAnswer(ctx context.Context, name string, a *hookyard.Answer) error
	DeleteBin(ctx context.Context, name string) error
	KeepBinRequest(ctx context.Context, r *hookyard.BinRequest, keep int) error
	BinRequests(ctx context.Context, bin string) ([]*hookyard.BinRequest, error)
	BinRequest(ctx context.Context, bin, id string) (*hookyard.BinRequest, error)
	PruneBins(ctx context.Context, now time.Time) (int, error)
}

// Options are what [Bins] are made of.
type Options struct {
	Store  Store
	Client *egress.Client // replays go through it
	Log    *slog.Logger
	// WriteError answers with an error in JSON.
	WriteError func(w http.ResponseWriter, r *http.Request, err error)
	BaseURL    string // public, without a slash at the end
	Limits     hookyard.Limits
	Decompress hookyard.Decompress // of what is shown; nil: bodies stay compressed

	Keep       int           // requests kept of a bin; 0 means 50
	Life       time.Duration // of a bin; 0 means 48 h
	MaxBody    int           // bytes kept of a request's body; 0 means 64 KiB
	PerAddress int           // bins made from one address; 0 means 50
	Total      int           // bins in all; 0 means 2,000
}

// Bins serves bins. Safe for concurrent use.
type Bins struct {
	o    Options
	page *template.Template

	mu    sync.Mutex // guards rates
	rates map[string]*rate.Limiter
}

// How fast bins may be made from one address, and may be sent to.
const (
	createRate, createBurst = rate.Limit(1), 20
	sendRate, sendBurst     = rate.Limit(20), 100
	maxRates                = 10_000
)

// New makes Bins.
func New(o Options) *Bins {
	for _, d := range []struct {
		at      *int
		shipped int
	}{{&o.Keep, 50}, {&o.MaxBody, 64 << 10}, {&o.PerAddress, 50}, {&o.Total, 2000}} {
		if *d.at <= 0 {
			*d.at = d.shipped
		}
	}
	if o.Life <= 0 {
		o.Life = 48 * time.Hour
	}
	b := &Bins{o: o, rates: map[string]*rate.Limiter{},
		page: template.Must(template.ParseFS(templates, "templates/inspect.html"))}
	return b
}

// Matches reports whether a path is a bin's: /b/{bin} and /{bin}, and what is below them. A bin's name is "bin" and 16
// characters of base32, so it is hardly anything else's.
func Matches(path string) bool {
	_, _, ok := parsePath(path)
	return ok
}

// parsePath splits the path of a bin: its name, and what follows it.
func parsePath(path string) (name, rest string, ok bool) {
	path = strings.TrimPrefix(path, "/b/")
	path = strings.TrimPrefix(path, "/")
	name, rest, below := strings.Cut(path, "/")
	if below {
		rest = "/" + rest
	}
	return name, rest, isName(name)
}

const (
	namePrefix = "bin"
	nameRandom = 16 // characters: 80 bits, for who knows the name of a bin may look into it
	alphabet   = "abcdefghijklmnopqrstuvwxyz234567"
)

func isName(s string) bool {
	s, ok := strings.CutPrefix(s, namePrefix)
	if !ok || len(s) != nameRandom {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// draw returns n random characters.
func draw(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base32.NewEncoding(alphabet).WithPadding(base32.NoPadding).EncodeToString(b)[:n]
}

// ServeHTTP serves the paths that [Matches].
func (b *Bins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	name, rest, _ := parsePath(r.URL.Path)
	if err := b.catch(w, r, name, rest); err != nil {
		b.o.WriteError(w, r, err)
	}
}

// Run deletes bins that have expired, until ctx ends.
func (b *Bins) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			b.tidy(ctx, now)
		}
	}
}

func (b *Bins) tidy(ctx context.Context, now time.Time) {
	b.mu.Lock()
	for name, l := range b.rates {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(b.rates, name)
		}
	}
	b.mu.Unlock()
	for ctx.Err() == nil {
		n, err := b.o.Store.PruneBins(ctx, now)
		if err != nil && ctx.Err() == nil {
			b.o.Log.Warn("old bins cannot be deleted; trying again", "error", err)
		}
		if n == 0 || err != nil {
			return
		}
	}
}

// How long a caller is told to wait: after doing something too often, and when there are too many bins.
const (
	slowWait = 5 * time.Second
	fullWait = 10 * time.Minute
)

// slow fails when something is done too often. What is too much to count is let through.
func (b *Bins) slow(what string, limit rate.Limit, burst int) error {
	b.mu.Lock()
	l := b.rates[what]
	if l == nil {
		l = rate.NewLimiter(limit, burst)
		if len(b.rates) < maxRates {
			b.rates[what] = l
		}
	}
	b.mu.Unlock()
	if l.Allow() {
		return nil
	}
	return hookyard.Errorf(hookyard.TooMany,
		"too many requests: a bin takes %.0f a second, and %.0f bins a second are made from an address",
		float64(sendRate), float64(createRate)).After(slowWait)
}
