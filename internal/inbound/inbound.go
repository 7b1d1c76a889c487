// Package inbound holds what the handlers of requests have in common: whom a request comes from, what is stored of its
// header, an answer that is safe to give on our origin, and the status of an error.
package inbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// StoredHeader returns the header of a request as an event keeps it: without the hop-by-hop fields, and with *** in
// place of credentials and of the fields that hide names, in any case. The values are shared with h.
func StoredHeader(h http.Header, hide ...string) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if hookyard.IsHopByHop(name) {
			continue
		}
		if hookyard.IsSensitive(name) || slices.ContainsFunc(hide,
			func(n string) bool { return strings.EqualFold(n, name) }) {
			values = []string{hookyard.Masked}
		}
		out[name] = values
	}
	return out
}

// SetRetryAfter says in the header of a response when the caller is to try again, if err asks for a later attempt. It
// is the one place that sets Retry-After, in whole seconds and at least one.
func SetRetryAfter(h http.Header, err error) {
	var e *hookyard.Error
	if errors.As(err, &e) && (e.Code == hookyard.TooMany || e.Code == hookyard.Unavailable) {
		wait := max(1, (e.RetryAfter+time.Second-1)/time.Second)
		h.Set("Retry-After", strconv.FormatInt(int64(wait), 10))
	}
}

// Sandbox keeps a browser from running an answer that strangers had a part in as a page of our origin: it gets neither
// scripts nor the origin, and its type is not guessed. Call it last, so that no header of theirs overrides it.
func Sandbox(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// WriteAnswer writes the answer that a user chose for a source or a bin, sandboxed, after its delay. It writes nothing
// when ctx ends before. That the client has hung up is no error: its request is stored.
func WriteAnswer(ctx context.Context, w http.ResponseWriter, a *hookyard.Answer) {
	if a.Delay > 0 {
		wait := time.NewTimer(time.Duration(a.Delay))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	Sandbox(h)
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	_, _ = io.WriteString(w, a.Body)
}
