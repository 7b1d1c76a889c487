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
	KindConnect  = "connect"  // no connection, or it broke before an answer
	KindTLS      = "tls"      // the handshake failed, or the certificate is not good
	KindTimeout  = "timeout"  // a time limit ran out
	KindProtocol = "protocol" // the answer was not HTTP, or broke off
	KindBlocked  = "blocked"  // nothing was dialled: the address is not allowed, or the request cannot be sent as it is
	KindCanceled = "canceled" // the caller's context ended, or the client was closed; says nothing of the receiver
)

// ErrClosed is matched by the errors of exchanges that [Client.Close] ended.
var ErrClosed = errors.New("egress: client closed")

// Error says why there is no whole answer. Message is safe to show to the owner of the URL: it holds no credentials.
type Error struct {
	Kind    string
	Message string
	Remote  string // address and port that were dialled, or ""
	Err     error  // the cause, for errors.Is; may be nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func blocked(format string, args ...any) *Error {
	return &Error{Kind: KindBlocked, Message: fmt.Sprintf(format, args...)}
}

// protocolError is what a receiver's answer did wrong, in words.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// fail turns what a step of the exchange met into an Error. kind and doing say what the step was; whether time ran
// out, the caller gave up or the client was closed goes before it.
func (x *exchange) fail(kind, doing, remote string, err error) *Error {
	e := &Error{Kind: kind, Remote: remote, Err: err}
	switch {
	case context.Cause(x.c.life) != nil:
		e.Kind, e.Err, e.Message = KindCanceled, ErrClosed, "stopped "+doing+": hookyard is shutting down"
	case errors.Is(x.ctx.Err(), context.Canceled):
		e.Kind, e.Err, e.Message = KindCanceled, x.ctx.Err(), "stopped "+doing+": canceled"
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

// reason says an error without the layers that Go wraps it in.
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
