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

// connect opens a connection and signs in. raw is what lies below it: closing that ends every call that waits.
func connect(ctx context.Context, dial Dial, rawURL string, insecure bool) (conn *amqp.Connection, raw net.Conn,
	err error) {
	if err := CheckURL(rawURL); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	stop := func() bool { return true }
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("hookyard")
	conn, err = amqp.DialConfig(rawURL, amqp.Config{
		Heartbeat: heartbeat, Properties: properties,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure},
		//nolint:gosec // the hook's owner asked for it
		Dial: func(_, addr string) (net.Conn, error) {
			c, err := dial(ctx, addr)
			if err != nil {
				return nil, err
			}
			raw = timed{c}
			stop = context.AfterFunc(ctx, func() { _ = c.Close() }) // the library waits for a silent broker for ever
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
