package svix

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// answer is what a request is answered with.
type answer struct {
	status     int
	body       []byte // JSON; nil: none
	retryAfter time.Duration
}

// encode returns the answer with the JSON of v, or without a body for nil.
func encode(status int, v any) answer {
	if v == nil {
		return answer{status: status}
	}
	b, err := hookyard.EncodeJSON(v)
	if err != nil { // only a value of ours can do that
		return answer{status: http.StatusInternalServerError, body: []byte("{}")}
	}
	return answer{status: status, body: b}
}

// refusal is an error in Svix's usual form.
type refusal struct {
	status int
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (r *refusal) Error() string { return r.Detail }

// isRefused reports whether err is a refusal with a status.
func isRefused(err error, status int) bool {
	var own *refusal
	return errors.As(err, &own) && own.status == status
}

func refuse(status int, code, detail string) error {
	return &refusal{status: status, Code: code, Detail: detail}
}

func invalidToken() error {
	return refuse(http.StatusUnauthorized, "authentication_failed", "Invalid token")
}

func insufficient() error {
	return refuse(http.StatusForbidden, "insufficient access", "The token may not do this")
}

func notFound() error { return refuse(http.StatusNotFound, "not_found", "Entity not found") }

func noApplication() error { return refuse(http.StatusNotFound, "not_found", "Application not found") }

func badRequest(detail string) error { return refuse(http.StatusBadRequest, "generic_error", detail) }

func unsupported(what string) error {
	return refuse(http.StatusBadRequest, "not_supported", what)
}

// fault is one field that is refused.
type fault struct {
	Loc  []string `json:"loc"` // body, query or path, and where in it
	Msg  string   `json:"msg"`
	Type string   `json:"type"`
}

// faults are the fields of a request that are refused.
type faults []fault

func (f faults) Error() string { return f[0].Msg }

// err returns the faults as an error, nil if there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// add adds a value that is refused. where is its place below the body.
func (f *faults) add(msg string, where ...string) {
	*f = append(*f, fault{append([]string{"body"}, where...), msg, "value_error"})
}

// addQuery adds a parameter of the query that is refused.
func (f *faults) addQuery(msg string, where ...string) {
	*f = append(*f, fault{append([]string{"query"}, where...), msg, "value_error"})
}

// addJSON adds a value of the wrong kind.
func (f *faults) addJSON(msg string, where ...string) {
	if n := len(*f); n > 0 && slices.Equal((*f)[n-1].Loc[1:], where) {
		return // it was read twice
	}
	*f = append(*f, fault{append([]string{"body"}, where...), msg, "value_error.jsondecode"})
}

// fields are Svix's names of the fields that have another one in hookyard.
var fields = map[string]string{"events": "eventTypes", "rate": "throttleRate", "active": "disabled", "title": "name",
	"type": "eventType", "data": "payload"}

// answerOf puts an error into the form that Svix gives it.
func (a *API) answerOf(err error) answer {
	var list faults
	var own *refusal
	var e *hookyard.Error
	switch {
	case errors.As(err, &list):
		return encode(http.StatusUnprocessableEntity, map[string]any{"detail": list})
	case errors.As(err, &own):
		return encode(own.status, own)
	}
	err = a.o.Control.Fault(err)
	if !errors.As(err, &e) {
		if !errors.Is(err, context.Canceled) {
			a.o.Log.Error("request of Svix's API failed", "error", err)
		}
		return answer{status: http.StatusInternalServerError, body: []byte("{}")}
	}
	out := refusal{status: e.Code.Status(), Code: string(e.Code), Detail: e.Message}
	switch e.Code {
	case hookyard.Invalid, hookyard.Unsupported, hookyard.Unprocessable:
		field := e.Field
		if name, ok := fields[field]; ok {
			field = name
		}
		list.add(e.Message, field)
		return encode(http.StatusUnprocessableEntity, map[string]any{"detail": list})
	case hookyard.Unauthenticated:
		return a.answerOf(invalidToken())
	case hookyard.Forbidden:
		out.Code = "insufficient access"
	case hookyard.NotFound:
		out.Detail = "Entity not found"
	case hookyard.Gone:
		out.status, out.Code = http.StatusBadRequest, "missing_payload"
	case hookyard.TooLarge:
		out.Code = "payload_too_large"
	}
	answered := encode(out.status, &out)
	if e.Code == hookyard.TooMany || e.Code == hookyard.Unavailable {
		answered.retryAfter = max(e.RetryAfter, time.Second)
	}
	return answered
}
