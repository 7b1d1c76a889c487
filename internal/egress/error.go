package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// The kinds of [Error].
const (
	KindDNS      = "dns"      // the name could not be resolved
	KindConnect  = "connect"  // no connection, or it ended before a response
	KindTLS      = "tls"      // the handshake failed, or the certificate is invalid
	KindTimeout  = "timeout"  // a time limit was exceeded
	KindProtocol = "protocol" // the response was not HTTP, or incomplete
	KindBlocked  = "blocked"  // nothing was dialed: the address is not allowed, or the request is malformed
	KindCanceled = "canceled" // the caller's context was canceled, or the client was closed
)

// ErrClosed is matched by the errors of exchanges that [Client.Close] ended.
var ErrClosed = errors.New("egress: client closed")

// Error says why there is no complete response. Message is safe to show to the owner of the URL: it contains no
// credentials.
type Error struct {
	Kind    string
	Message string
	Remote  string // address and port that were dialed, or ""
	Err     error  // the cause, for errors.Is; may be nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// blocked returns an Error of kind KindBlocked.
func blocked(format string, args ...any) *Error {
	return &Error{Kind: KindBlocked, Message: fmt.Sprintf(format, args...)}
}

// protocolError says what is wrong with a response.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// fail returns the Error for a failed step of the exchange. kind and doing describe the step, but a closed client, a
// canceled context and a timeout have precedence.
func (x *exchange) fail(kind, doing, remote string, err error) *Error {
	e := &Error{Kind: kind, Remote: remote, Err: err}
	switch {
	case context.Cause(x.c.life) != nil:
		e.Kind, e.Err = KindCanceled, ErrClosed
		e.Message = "stopped " + doing + ": hookyard is shutting down"
	case errors.Is(x.ctx.Err(), context.Canceled):
		e.Kind, e.Err = KindCanceled, x.ctx.Err()
		e.Message = "stopped " + doing + ": canceled"
	case isTimeout(err) || x.ctx.Err() != nil:
		e.Kind = KindTimeout
		e.Message = fmt.Sprintf("%s took too long: the limit is %s", doing, x.limit(kind))
	default:
		e.Message = doing + " failed: " + reason(err)
	}
	return e
}

func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// reason returns the text of the innermost useful error in err.
func reason(err error) string {
	var p protocolError
	if errors.As(err, &p) {
		return string(p)
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return "the certificate is not trusted: " + cert.Err.Error()
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed"
	}
	return err.Error()
}
