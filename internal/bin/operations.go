package bin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/inbound"
)

// What RequestBin says of a bin or a request that is not shown.
var (
	ErrNoBin     = &hookyard.Error{Code: hookyard.NotFound, Message: "Bin not found"}
	ErrNoRequest = &hookyard.Error{Code: hookyard.NotFound, Message: "Request not found"}
	ErrPrivate   = &hookyard.Error{Code: hookyard.Forbidden, Message: "Private bin"}
)

// CookiePrefix begins the name of the cookie that holds the key of a bin, in the browser that created it. The bin's
// name follows.
const CookiePrefix = "bin_"

// Caller is who asks for a bin.
type Caller struct {
	Remote string   // address
	Keys   []string // that were shown: any may be the bin's
}

// CallerOf returns who sent r, with the keys for a bin in its header, its query and its cookies.
func CallerOf(r *http.Request, bin string) Caller {
	c := Caller{Remote: inbound.Address(r), Keys: []string{r.Header.Get(client.BinKeyHeader), r.URL.Query().Get("key")}}
	if cookie, err := r.Cookie(CookiePrefix + bin); err == nil {
		c.Keys = append(c.Keys, cookie.Value)
	}
	return c
}

// Create creates a bin and returns it with its key, which is not stored and cannot be shown again. It fails with
// TooMany or Unavailable when the caller, or all callers, have created too many.
func (b *Bins) Create(ctx context.Context, c Caller, in client.BinSettings) (client.Bin, error) {
	if err := b.slow("create "+c.Remote, createRate, createBurst); err != nil {
		return client.Bin{}, err
	}
	answer, err := b.answer(in)
	if err != nil {
		return client.Bin{}, err
	}
	now := time.Now().UTC()
	key := draw(26)
	sum := sha256.Sum256([]byte(key))
	bin := &hookyard.Bin{Name: namePrefix + draw(nameRandom), Secret: sum[:], Private: in.Private, Answer: answer,
		Color: rand.IntN(1 << 24), Remote: c.Remote, CreatedAt: now, ExpiresAt: now.Add(b.o.Life)}
	if err := b.o.Store.CreateBin(ctx, bin, b.o.PerAddress, b.o.Total); err != nil {
		var e *hookyard.Error
		if errors.As(err, &e) && e.RetryAfter == 0 {
			return client.Bin{}, e.After(fullWait)
		}
		return client.Bin{}, err
	}
	out := b.wire(bin)
	out.Key = key
	return out, nil
}

// Bin returns a bin. Like all reads it fails with [ErrNoBin], and with [ErrPrivate] for a private bin whose key the
// caller does not have.
func (b *Bins) Bin(ctx context.Context, c Caller, name string) (client.Bin, error) {
	bin, err := b.open(ctx, c, name)
	if err != nil {
		return client.Bin{}, err
	}
	return b.wire(bin), nil
}

// SetAnswer changes what a bin answers from now on. It needs the bin's key.
func (b *Bins) SetAnswer(ctx context.Context, c Caller, name string, in client.BinSettings) (client.Bin, error) {
	bin, err := b.own(ctx, c, name)
	if err != nil {
		return client.Bin{}, err
	}
	if bin.Answer, err = b.answer(in); err != nil {
		return client.Bin{}, err
	}
	return b.wire(bin), b.o.Store.SetBinAnswer(ctx, bin.Name, bin.Answer)
}

// Delete deletes a bin. It needs the bin's key.
func (b *Bins) Delete(ctx context.Context, c Caller, name string) error {
	bin, err := b.own(ctx, c, name)
	if err != nil {
		return err
	}
	return b.o.Store.DeleteBin(ctx, bin.Name)
}

// Requests lists the stored requests of a bin, the newest first.
func (b *Bins) Requests(ctx context.Context, c Caller, name string) ([]client.BinRequest, error) {
	bin, err := b.open(ctx, c, name)
	if err != nil {
		return nil, err
	}
	kept, err := b.o.Store.BinRequests(ctx, bin.Name)
	if err != nil {
		return nil, err
	}
	out := make([]client.BinRequest, len(kept))
	for i, one := range kept {
		out[i] = b.wireRequest(one)
	}
	return out, nil
}

// Request returns a stored request of a bin, or [ErrNoRequest].
func (b *Bins) Request(ctx context.Context, c Caller, name, id string) (client.BinRequest, error) {
	kept, err := b.request(ctx, c, name, id)
	if err != nil {
		return client.BinRequest{}, err
	}
	return b.wireRequest(kept), nil
}

// Curl returns the command that sends a stored request to its bin again.
func (b *Bins) Curl(ctx context.Context, c Caller, name, id string) (string, error) {
	kept, err := b.request(ctx, c, name, id)
	if err != nil {
		return "", err
	}
	return Curl(b.o.BaseURL, kept), nil
}

// open returns a bin that the caller may look into.
func (b *Bins) open(ctx context.Context, c Caller, name string) (*hookyard.Bin, error) {
	bin, err := b.o.Store.Bin(ctx, hookyard.Clean(name, 100), time.Now())
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, ErrNoBin
	}
	if err != nil {
		return nil, err
	}
	if bin.Private && !c.hasKey(bin) {
		return nil, ErrPrivate
	}
	return bin, nil
}

// own is open for what needs the bin's key even where reading does not.
func (b *Bins) own(ctx context.Context, c Caller, name string) (*hookyard.Bin, error) {
	bin, err := b.open(ctx, c, name)
	if err == nil && !c.hasKey(bin) {
		return nil, hookyard.Errorf(hookyard.Forbidden,
			"only who made the bin can change or delete it: give its key in the header %s", client.BinKeyHeader)
	}
	return bin, err
}

func (b *Bins) request(ctx context.Context, c Caller, name, id string) (*hookyard.BinRequest, error) {
	bin, err := b.open(ctx, c, name)
	if err != nil {
		return nil, err
	}
	kept, err := b.o.Store.BinRequest(ctx, bin.Name, hookyard.Clean(id, 100))
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, ErrNoRequest
	}
	return kept, err
}

// hasKey reports whether the caller has shown the key of a bin.
func (c Caller) hasKey(b *hookyard.Bin) bool {
	for _, key := range c.Keys {
		sum := sha256.Sum256([]byte(key))
		if key != "" && subtle.ConstantTimeCompare(sum[:], b.Secret) == 1 {
			return true
		}
	}
	return false
}

// answer is what a bin is to answer, nil for ok.
func (b *Bins) answer(in client.BinSettings) (*hookyard.Answer, error) {
	if in.Status == 0 && len(in.Headers) == 0 && in.Body == "" && in.Delay == 0 {
		return nil, nil
	}
	a := &hookyard.Answer{Status: in.Status, Headers: in.Headers, Body: in.Body, Delay: in.Delay}
	if !utf8.ValidString(a.Body) {
		return nil, hookyard.FieldErrorf("body", "body is not valid UTF-8")
	}
	return a, a.Validate(b.o.Limits)
}
