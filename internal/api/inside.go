package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// inside is a request that was made in this process, for somebody who was identified before.
type inside struct {
	id  *auth.Identity
	err error
}

type insideKey struct{}

func insideOf(ctx context.Context) *inside {
	in, _ := ctx.Value(insideKey{}).(*inside)
	return in
}

// Do makes a request of the API without a network between: the pages change things through it, so that there is one set
// of rules and one set of messages. path is the part after /api, its segments escaped. in, when not nil, is sent as
// JSON; out, when not nil, is filled from the answer. The error is the one that the API would have written.
//
// What a browser may do with its cookie is the caller's to check before: Do takes id for proven.
func (a *API) Do(ctx context.Context, id *auth.Identity, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = encode(in); err != nil {
			return err
		}
	}
	call := &inside{id: id}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, insideKey{}, call), method, "/api"+path,
		bytes.NewReader(body))
	if err != nil {
		return hookyard.Errorf(hookyard.Invalid, "the address cannot be read")
	}
	w := &answer{header: http.Header{}}
	a.ServeHTTP(w, r)
	if call.err != nil || out == nil || w.body.Len() == 0 {
		return call.err
	}
	return json.Unmarshal(w.body.Bytes(), out)
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	body   bytes.Buffer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(int) {}

func (w *answer) Write(b []byte) (int, error) { return w.body.Write(b) }
