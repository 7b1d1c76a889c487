package hookyard

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an [Error] is. Faces map it to a status or an exit code.
type Code string

// The codes, with the HTTP status that faces give them.
const (
	Invalid         Code = "invalid"           // 400: the input is wrong; Message says what and how to mend it
	Unauthenticated Code = "unauthenticated"   // 401
	Forbidden       Code = "forbidden"         // 403: also for what the caller may not know exists
	NotFound        Code = "not_found"         // 404
	Conflict        Code = "conflict"          // 409
	Gone            Code = "gone"              // 410: it was here once and is past its retention
	TooLarge        Code = "too_large"         // 413
	Unsupported     Code = "unsupported_media" // 415
	TooMany         Code = "too_many_requests" // 429
	Unavailable     Code = "unavailable"       // 503: try again; nothing was kept
)

// Error is a failure whose message is safe to show to whoever caused it. Every other error is internal: faces log it
// and answer "internal error".
type Error struct {
	Code    Code
	Message string
	Field   string // the JSON field or flag that is wrong, or ""
	Docs    string // a path below /docs that explains it, or ""
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Is makes errors.Is(err, &Error{Code: NotFound}) and the sentinels below match by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// Sentinels for errors.Is; they match every [Error] of their code.
var (
	ErrNotFound    = &Error{Code: NotFound}
	ErrConflict    = &Error{Code: Conflict}
	ErrInvalid     = &Error{Code: Invalid}
	ErrForbidden   = &Error{Code: Forbidden}
	ErrUnavailable = &Error{Code: Unavailable}
)

// ErrStale is what the store answers to a change that was made from an older revision than there is.
var ErrStale = &Error{Code: Conflict, Message: "it was changed by somebody else meanwhile: look at it again"}

// ErrLost is what the store answers to the result of a delivery that is no longer this node's: it was canceled
// meanwhile, or another node believed this one dead and took it over. The attempt is kept; the state is the other's
// business.
var ErrLost = errors.New("the delivery is no longer this node's")

// Errorf makes an [Error] with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// FieldErrorf makes an [Invalid] error about one field.
func FieldErrorf(field, format string, args ...any) *Error {
	return &Error{Code: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of err, or "" when err is internal or nil.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
