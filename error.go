package hookyard

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Code classifies an [Error]. APIs map it to a status, the command line to an exit code.
type Code string

// The codes, with their HTTP status.
const (
	Invalid         Code = "invalid"           // 400: the input is wrong; Message says what to change
	Unauthenticated Code = "unauthenticated"   // 401
	Forbidden       Code = "forbidden"         // 403: also when the caller must not learn whether it exists
	NotFound        Code = "not_found"         // 404
	Conflict        Code = "conflict"          // 409
	Gone            Code = "gone"              // 410: deleted after its retention
	TooLarge        Code = "too_large"         // 413
	Unsupported     Code = "unsupported_media" // 415
	Unprocessable   Code = "unprocessable"     // 422: a published event does not fit its owner's catalogue
	TooMany         Code = "too_many_requests" // 429
	Unavailable     Code = "unavailable"       // 503: retry; nothing was stored
)

// Status returns the HTTP status of a code, 500 for a code that is not one of hookyard's.
func (c Code) Status() int {
	switch c {
	case Invalid:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Gone:
		return http.StatusGone
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case Unprocessable:
		return http.StatusUnprocessableEntity
	case TooMany:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Error is a failure whose message is safe to show to the caller. Every other error is internal: it is logged, and the
// caller sees "internal error".
type Error struct {
	Code    Code
	Message string
	Field   string // the JSON field or flag that is wrong, or ""
	Docs    string // path below /docs with an explanation, or ""

	RetryAfter time.Duration // of TooMany and Unavailable: when it is worth to try again; 0 means soon
	Excess     *Excess       // the limit of a [Quota] that the request is beyond, or nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Is reports whether target is an [Error] of the same code, and of the same message if target has one.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// Targets for [errors.Is]. Each matches every [Error] of its code.
var (
	ErrInvalid         = &Error{Code: Invalid}
	ErrUnauthenticated = &Error{Code: Unauthenticated}
	ErrForbidden       = &Error{Code: Forbidden}
	ErrNotFound        = &Error{Code: NotFound}
	ErrConflict        = &Error{Code: Conflict}
	ErrGone            = &Error{Code: Gone}
	ErrTooLarge        = &Error{Code: TooLarge}
	ErrUnsupported     = &Error{Code: Unsupported}
	ErrTooMany         = &Error{Code: TooMany}
	ErrUnavailable     = &Error{Code: Unavailable}
)

// ErrStale is returned for a change that is based on an outdated revision.
var ErrStale = &Error{Code: Conflict, Message: "it has changed since you read it: read it again and repeat the change"}

// ErrLost is returned for the result of a delivery that this node no longer holds: it was canceled, or another node
// considered this one dead and claimed it. The attempt is stored; the delivery's state is left alone.
var ErrLost = errors.New("the delivery is no longer this node's")

// ErrElsewhere is returned for a claim of a limited hook's deliveries while another node sends to the hook.
var ErrElsewhere = errors.New("another node sends to this hook")

// Errorf returns an [Error] with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// FieldErrorf returns an [Invalid] error about one field.
func FieldErrorf(field, format string, args ...any) *Error {
	return &Error{Code: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// After returns a copy of e that asks the caller to wait before trying again.
func (e *Error) After(wait time.Duration) *Error {
	later := *e
	later.RetryAfter = wait
	return &later
}

// CodeOf returns the code of err, or "" if err is internal or nil.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
