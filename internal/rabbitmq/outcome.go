package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/egress"
)

// outcomeOf says what an error of the client library or the dialer means for an attempt. A broker's answer has its
// reply code as the status; without one there was no answer, and the kind is a connection failure's.
func outcomeOf(err error) hookyard.Outcome {
	var blocked *egress.Error
	var own *hookyard.Error
	var e *amqp.Error
	switch {
	case errors.As(err, &blocked):
		kind := hookyard.ErrorKind(blocked.Kind)
		if blocked.Kind == egress.KindCanceled {
			kind = hookyard.KindConnect
		}
		return hookyard.Outcome{Kind: kind, Error: blocked.Message}
	case errors.As(err, &own):
		return hookyard.Outcome{Kind: hookyard.KindShape, Error: own.Message}
	case isTimeout(err):
		return hookyard.Outcome{Kind: hookyard.KindTimeout,
			Error: fmt.Sprintf("the broker did not answer within %s", hookyard.FormatDuration(openTime))}
	case errors.As(err, &e):
		o := outcomeOfReply(e)
		if d := (*declareError)(nil); errors.As(err, &d) && e.Server && o.Status != 0 {
			o.Error = fmt.Sprintf("queue %q: %s%s", hookyard.Clean(d.queue, 255), o.Error, remedy(e.Code))
		}
		return o
	}
	return hookyard.Outcome{Kind: kindOf(err), Error: "the connection to the broker failed: " + reason(err)}
}

// declareError is the broker's refusal of a queue.
type declareError struct {
	queue string
	err   error
}

func (e *declareError) Error() string { return e.err.Error() }
func (e *declareError) Unwrap() error { return e.err }

// outcomeOfReply reads an error with a reply code, which the broker sent or the library made up.
func outcomeOfReply(e *amqp.Error) hookyard.Outcome {
	reason := hookyard.Clean(e.Reason, 500)
	switch {
	case e.Code == amqp.AccessRefused && !e.Server: // so the library says it when we are not let in
		return hookyard.Outcome{Status: e.Code, Kind: hookyard.KindBroker,
			Error: "the broker does not let us in; check user, password and virtual host in the URL"}
	case e.Server && e.Code == amqp.ConnectionForced:
		return hookyard.Outcome{Kind: hookyard.KindConnect, Error: "the broker closed the connection: " + reason}
	case e.Server:
		return hookyard.Outcome{Status: e.Code, Kind: hookyard.KindBroker, Error: "the broker refused: " + reason}
	case e.Code == amqp.ChannelError: // not open any more
		return hookyard.Outcome{Kind: hookyard.KindConnect, Error: "the connection to the broker was lost"}
	case e == amqp.ErrSyntax || e == amqp.ErrFrame || e == amqp.ErrUnexpectedFrame || e == amqp.ErrCommandInvalid ||
		e == amqp.ErrFrameTooLarge:
		return hookyard.Outcome{Kind: hookyard.KindProtocol, Error: "what answers does not speak AMQP 0-9-1: " + reason}
	}
	return hookyard.Outcome{Kind: hookyard.KindConnect, Error: "the connection to the broker was lost: " + reason}
}

// remedy says what to do about a queue that the broker refused.
func remedy(code int) string {
	switch code {
	case amqp.PreconditionFailed:
		return "; it exists with other arguments: declare the same ones, or switch declare off"
	case amqp.NotFound:
		return "; make it, or switch declare on"
	case amqp.ResourceLocked:
		return "; another connection has it for itself"
	}
	return ""
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) &&
		n.Timeout()
}

// kindOf tells TLS from the rest; the library gives both as they are.
func kindOf(err error) hookyard.ErrorKind {
	var n *net.OpError
	if errors.Is(err, io.EOF) || errors.As(err, &n) && n.Op != "remote error" {
		return hookyard.KindConnect
	}
	if text := err.Error(); strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "x509: ") ||
		strings.Contains(text, "remote error: tls") {
		return hookyard.KindTLS
	}
	return hookyard.KindConnect
}

// reason says an error without the layers that Go wraps it in.
func reason(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	if errors.Is(err, io.EOF) {
		return "it was closed"
	}
	return hookyard.Clean(err.Error(), 500)
}

// words says an error for logs and lists: never with a URL in it.
func words(err error) string { return outcomeOf(err).Error }
