package bin

import (
	"embed"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/inbound"
)

//go:embed templates/inspect.html
var templates embed.FS

// catch keeps a request to a bin and answers as the bin wants it. GET with ?inspect shows the bin instead.
func (b *Bins) catch(w http.ResponseWriter, r *http.Request, name, rest string) error {
	now := time.Now()
	bin, err := b.o.Store.Bin(r.Context(), name, now)
	if errors.Is(err, hookyard.ErrNotFound) {
		return writeText(w, http.StatusNotFound, "Not Found\n")
	}
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet && rest == "" && r.URL.Query().Has("inspect") {
		return b.inspect(w, r, bin)
	}
	if err := b.slow(name, sendRate, sendBurst); err != nil {
		return err
	}
	kept := &hookyard.BinRequest{ID: hookyard.NewID("req"), Bin: name, Time: now.UTC(),
		Method: hookyard.Clean(r.Method, 20), Path: rest,
		Remote: inbound.Address(r), Header: keptHeader(r)}
	if r.URL.RawQuery != "" {
		kept.Path += "?" + r.URL.RawQuery
	}
	kept.Path = hookyard.Clean(kept.Path, 3*len(kept.Path))
	if kept.Body, kept.Size, err = b.readBody(w, r); err != nil {
		return err
	}
	err = b.o.Store.KeepBinRequest(r.Context(), kept, b.o.Keep)
	if errors.Is(err, hookyard.ErrNotFound) {
		return writeText(w, http.StatusNotFound, "Not Found\n")
	}
	if err != nil {
		return err
	}
	if bin.Answer == nil {
		return writeText(w, http.StatusOK, "ok\n")
	}
	inbound.WriteAnswer(r.Context(), w, bin.Answer)
	return nil
}

// readBody keeps the first bytes of a body and counts the rest, up to the limit of bodies.
func (b *Bins) readBody(w http.ResponseWriter, r *http.Request) ([]byte, int64, error) {
	body := http.MaxBytesReader(w, r.Body, b.o.Limits.Body)
	kept, err := io.ReadAll(io.LimitReader(body, int64(b.o.MaxBody)))
	size := int64(len(kept))
	if err == nil {
		var more int64
		more, err = io.Copy(io.Discard, body)
		size += more
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, 0, hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes (setting: --max-body)",
			b.o.Limits.Body)
	}
	if err != nil {
		return nil, 0, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
	}
	return kept, size, nil
}

// keptHeader is all of a request's header but our own cookies: a browser that is signed in sends them here, too, and
// anyone who knows the name of the bin can read what it keeps.
func keptHeader(r *http.Request) http.Header {
	h := r.Header.Clone()
	h.Set("Host", r.Host)
	if r.Header.Get("Cookie") == "" {
		return h
	}
	var foreign []string
	for _, c := range r.Cookies() {
		if !strings.HasSuffix(c.Name, auth.SessionCookie) &&
			c.Name != auth.TokenCookie && !strings.HasPrefix(c.Name, "bin_") {
			foreign = append(foreign, c.Name+"="+c.Value)
		}
	}
	h.Del("Cookie")
	if len(foreign) > 0 {
		h.Set("Cookie", strings.Join(foreign, "; "))
	}
	return h
}

func writeText(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that hung up does not want it
	return nil
}

// page is what templates/inspect.html shows.
type page struct {
	Bin      client.Bin
	Requests []pageRequest
}

type pageRequest struct {
	client.BinRequest
	When time.Time
	Curl string
}

// inspect shows a bin as a page.
func (b *Bins) inspect(w http.ResponseWriter, r *http.Request, bin *hookyard.Bin) error {
	if bin.Private && !CallerOf(r, bin.Name).hasKey(bin) {
		return writeText(w, http.StatusForbidden, "Private bin\n")
	}
	kept, err := b.o.Store.BinRequests(r.Context(), bin.Name)
	if err != nil {
		return err
	}
	p := page{Bin: b.wire(bin)}
	for _, one := range kept {
		p.Requests = append(p.Requests, pageRequest{BinRequest: b.wireRequest(one), When: one.Time,
			Curl: Curl(b.o.BaseURL, one)})
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the URL is the key to what is here
	return b.page.Execute(w, p)
}
