// Package rabbitmq takes events from RabbitMQ queues and sends events to RabbitMQ.
//
// [Sources] reads the queues of all sources of type rabbitmq. A message is acknowledged once its event is committed,
// and many of them at a time. What can never become an event goes to the source's list of refusals and is acknowledged,
// so that one bad message holds up no other; while the database is away, messages wait.
//
// [Broker] publishes to hooks whose URL is amqp:// or amqps://. Success is the broker's confirmation of a message that
// reached a queue.
//
// Connections are opened with a guarded dialer, for users type the URLs. Nothing here relies on the client library's
// own recovery, which gives up after a few tries.
package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
)

// Dial opens a connection to "host:port", or refuses the address. (*egress.Client).Dial is one.
type Dial func(ctx context.Context, addr string) (net.Conn, error)

// Time limits of one step with a broker.
const (
	openTime  = 10 * time.Second // connecting, signing in, opening a channel, declaring
	writeTime = 10 * time.Second // one write: a broker that stops reading must not hold a sender for ever
	heartbeat = 10 * time.Second
)

// timed is a connection whose writes do not take for ever.
type timed struct{ net.Conn }

func (t timed) Write(b []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}

// connect opens a connection and signs in. raw is what the library reads: closing that ends every call that waits. keep
// says what to do with the messages of a queue; nil wants none.
func connect(ctx context.Context, dial Dial, to linkKey, keep *intake) (conn *amqp.Connection, raw *frames, err error) {
	if err := CheckURL(to.url); err != nil {
		return nil, nil, err
	}
	plain, secure, err := withoutTLS(to.url)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	stop := func() bool { return true }
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("hookyard")
	conn, err = amqp.DialConfig(plain, amqp.Config{
		Heartbeat: heartbeat, FrameSize: frameMax, Properties: properties,
		Dial: func(_, addr string) (net.Conn, error) {
			c, err := dial(ctx, addr)
			if err != nil {
				return nil, err
			}
			c = timed{c}
			if secure != "" {
				client := tls.Client(c, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: secure,
					InsecureSkipVerify: to.insecure}) //nolint:gosec // the hook's owner asked for it
				if err := client.HandshakeContext(ctx); err != nil {
					_ = c.Close()
					return nil, err
				}
				c = client
			}
			raw = newFrames(c, keep)
			stop = context.AfterFunc(ctx, func() { _ = raw.Close() }) // the library waits for a silent broker for ever
			return raw, nil
		},
	})
	if stop() && err == nil {
		return conn, raw, nil
	}
	if raw != nil {
		_ = raw.Close()
	}
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return nil, nil, err
}

// withoutTLS returns a broker's URL for a connection on which TLS is spoken already, and the name that the broker's
// certificate must have, or "" if the URL wants no TLS.
func withoutTLS(raw string) (plain, name string, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "amqps" {
		return raw, "", err
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "5671")
	}
	u.Scheme = "amqp"
	return u.String(), u.Hostname(), nil
}

// CheckURL refuses a broker's URL that cannot work, and parameters that would make the client library read files of
// this machine. Messages do not quote the URL: it may hold a password.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "amqp" && u.Scheme != "amqps" || u.Hostname() == "" {
		return hookyard.FieldErrorf("url",
			"the broker's URL cannot be read: write it as amqp://user:password@host:5672/vhost, "+
				"with %%-escapes for special characters")
	}
	for name := range u.Query() {
		if strings.HasSuffix(name, "file") {
			return hookyard.FieldErrorf("url",
				"the broker's URL names a %s, which is a file of the server and not read", hookyard.Clean(name, 50))
		}
	}
	if _, err := amqp.ParseURI(raw); err != nil {
		return hookyard.FieldErrorf("url",
			"the broker's URL has a part that cannot be used: "+
				"port, heartbeat, connection_timeout and channel_max are numbers")
	}
	return nil
}
