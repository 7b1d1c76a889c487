package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/inbound"
)

// statusError is an error with another status than its code's: what WebGME's clients expect.
type statusError struct {
	err     *hookyard.Error
	status  int
	message string // instead of the one that is fixed for the status, or ""
	index   *int   // of the publication in a batch
}

func (e *statusError) Error() string { return e.err.Message }

func (e *statusError) Unwrap() error { return e.err }

func withStatus(status int, err *hookyard.Error) error {
	return &statusError{err: err, status: status}
}

// fail writes err: the one place where errors become answers. What is not a [hookyard.Error] is logged and not shown.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Cause(r.Context())) {
		// The client has gone, or has only closed its side and still reads: no answer of ours would be a 200 of
		// net/http's.
		err = hookyard.Errorf(hookyard.Unavailable,
			"the connection was closed before the request was done: ask again, and keep it open until the answer")
	}
	err = a.o.Control.Fault(err)
	e := describe(err)
	if e.Status == http.StatusInternalServerError {
		a.o.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hookyard"`)
	}
	inbound.SetRetryAfter(w.Header(), err)
	write(w, e.Status, e)
}

// describe puts an error into the shape that every error has.
func describe(err error) *client.Error {
	out := &client.Error{Status: http.StatusInternalServerError, Code: "internal",
		Detail: "internal error: the server's log says more"}
	var e *hookyard.Error
	if errors.As(err, &e) {
		out.Status, out.Code = e.Code.Status(), e.Code
		out.Detail, out.Field = e.Message, e.Field
		out.Limit = e.Excess
		if out.Detail == "" {
			out.Detail = string(e.Code)
		}
	}
	var s *statusError
	if errors.As(err, &s) {
		out.Status, out.Index = s.status, s.index
	}
	if out.Message = webgmeMessage(out.Status); out.Message == "" {
		out.Message = out.Detail
	}
	if s != nil && s.message != "" {
		out.Message = s.message
	}
	return out
}

// write answers with the JSON of v.
func write(w http.ResponseWriter, status int, v any) {
	b, err := hookyard.EncodeJSON(v)
	if err != nil { // only a value of ours can do that
		status, b = http.StatusInternalServerError,
			[]byte(`{"message":"internal error","documentation_url":"","error":"internal error","code":"internal"}`)
	}
	h := w.Header()
	h["Content-Type"] = jsonType()
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller may have hung up
}

func jsonType() []string { return []string{"application/json; charset=utf-8"} }

// Fail writes an error in the shape that every error has, for the other packages that answer machines.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) { a.fail(w, r, err) }
