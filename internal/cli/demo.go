package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// demoPush is the body of a push event as GitHub sends it.
//
//go:embed push.json
var demoPush []byte

const demoProject = "guest/lantern"

// demo is a tour: a server, a receiver that fails at first, and an event between them.
type demo struct {
	*session
	start    time.Time
	client   *client.Client
	server   string
	receiver *demoReceiver
	secret   string // shared with GitHub
	signing  string // shared with the receiver
	sourceAt string
}

func newDemo(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "demo", Short: "Show what hookyard does, in a few seconds",
		Long: `Show what hookyard does, in a few seconds: start a server in a temporary
directory and a receiver that fails at first, send a signed GitHub push, and
follow it until it is delivered. The demo cleans up after itself.`,
		Example: "  hookyard demo",
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
		defer cancel()
		err := s.demo(ctx)
		if err != nil && c.Context().Err() == nil && ctx.Err() != nil {
			return failf(exitFailed, "the demo did not finish in time: %v", err)
		}
		return err
	}
	return takes(c, 0, 0)
}

// demo runs the tour and cleans up after it.
func (s *session) demo(ctx context.Context) (err error) {
	d := &demo{session: s, start: time.Now(), secret: rand.Text(), signing: newSigningSecret()}
	dir, err := os.MkdirTemp("", "hookyard-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stop, err := d.serve(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if d.receiver, err = newDemoReceiver(ctx, d.signing); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.receiver.close()) }()
	if err := d.setUp(ctx); err != nil {
		return err
	}
	event, err := d.sendPush(ctx)
	if err != nil {
		return err
	}
	if err := d.follow(ctx, event); err != nil {
		return err
	}
	d.goodbye()
	return nil
}

// newSigningSecret returns a new secret in the format of Standard Webhooks.
func newSigningSecret() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

// step prints one step of the tour with its time.
func (d *demo) step(color, mark, format string, args ...any) {
	at := d.paint(grey, fmt.Sprintf("%6.3f s", time.Since(d.start).Seconds()))
	_ = d.println("%s  %s %s", at, d.paint(color, mark), fmt.Sprintf(format, args...))
}

// note prints a line below a step.
func (d *demo) note(format string, args ...any) {
	_ = d.println("            %s", d.paint(grey, fmt.Sprintf(format, args...)))
}

// serve starts a server on a free port with its database in dir, and returns a function that stops it.
func (d *demo) serve(ctx context.Context, dir string) (stop func() error, err error) {
	config := app.DefaultConfig()
	config.Listen = "127.0.0.1:0"
	config.Dev = true
	config.Data = filepath.Join(dir, "data")
	config.Grace = time.Second
	a, err := app.New(ctx, config, readBuild().Version, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	d.server = a.BaseURL()
	if d.client, err = client.New(d.server, ""); err != nil {
		cancel()
		return nil, errors.Join(err, <-ended)
	}
	d.step(green, "●", "started a server at %s, on a SQLite file", d.server)
	return func() error {
		cancel()
		return <-ended
	}, nil
}

// setUp creates the project, its source and its hook.
func (d *demo) setUp(ctx context.Context) error {
	if _, _, err := d.client.PutProject(ctx, demoProject, client.ProjectPatch{}); err != nil {
		return err
	}
	github := "github"
	src, _, err := d.client.PutSource(ctx, demoProject, "github", client.SourcePatch{Type: &github, Secret: &d.secret})
	if err != nil {
		return err
	}
	d.sourceAt = src.URL
	events, url := hookyard.SelectAll(), d.receiver.url
	schedule := []hookyard.Duration{0, hookyard.Duration(time.Second), hookyard.Duration(2 * time.Second)}
	if _, err := d.client.PutHook(ctx, demoProject, "deploy",
		client.HookPatch{URL: &url, Events: &events, Secret: &d.signing, Schedule: &schedule}); err != nil {
		return err
	}
	d.step(green, "●", "created project %s", demoProject)
	d.note("source:   github, %s, verifies GitHub's signature", src.URL)
	d.note("hook:     deploy, %s, attempts at once, after 1 s and after 2 more s", url)
	d.note("receiver: answers 503 to the first two attempts, as if it was being deployed")
	return nil
}

// sendPush sends the push twice, with a forged signature and with a valid one, and returns the id of the event.
func (d *demo) sendPush(ctx context.Context) (string, error) {
	status, _, err := d.post(ctx, "sha256="+hex.EncodeToString(make([]byte, sha256.Size)))
	if err != nil {
		return "", err
	}
	d.step(yellow, "✗", "received a push with a forged signature: %d, rejected and not stored", status)
	mac := hmac.New(sha256.New, []byte(d.secret))
	mac.Write(demoPush)
	status, took, err := d.post(ctx, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	if err != nil {
		return "", err
	}
	if status/100 != 2 {
		return "", failf(exitFailed, "the source answered %d to a push with a valid signature", status)
	}
	page, err := d.client.Events(ctx, demoProject, client.EventQuery{Source: "github"})
	if err != nil {
		return "", err
	}
	if len(page.Events) != 1 {
		return "", failf(exitFailed, "%d events were stored instead of 1", len(page.Events))
	}
	e := page.Events[0]
	d.step(green, "✓", "received a push with a valid signature: verified (%s), stored, answered %d in %s", e.Verified,
		status, hookyard.FormatDuration(took.Round(100*time.Microsecond)))
	d.note("event %s of type %s, %d bytes; on disk before the answer", e.ID, e.Type, e.Size)
	return e.ID, nil
}

// post sends the push to the source and returns the status and how long it took.
func (d *demo) post(ctx context.Context, signature string) (int, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.sourceAt, bytes.NewReader(demoPush))
	if err != nil {
		return 0, 0, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd", "X-GitHub-Event": "push",
		"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-GitHub-Hook-ID": "292430182",
		"X-Hub-Signature-256": signature,
	} {
		r.Header.Set(name, value)
	}
	start := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	return resp.StatusCode, time.Since(start), resp.Body.Close()
}

// follow reports each attempt as the receiver sees it, until the delivery ends.
func (d *demo) follow(ctx context.Context, event string) error {
	for {
		var got demoAttempt
		select {
		case <-ctx.Done():
			return ctx.Err()
		case got = <-d.receiver.attempts:
		}
		if got.fault != nil {
			return failf(exitFailed, "the receiver could not verify attempt %d: %v", got.n, got.fault)
		}
		if got.id != event {
			return failf(exitFailed, "attempt %d came with webhook-id %q instead of %q", got.n, got.id, event)
		}
		if got.status/100 == 2 {
			d.step(green, "✓", "attempt %d: %d; the receiver verified the signature and got GitHub's exact bytes",
				got.n, got.status)
			break
		}
		d.step(red, "✗", "attempt %d: %d; will be retried", got.n, got.status)
	}
	silent := *d.session
	silent.quiet = true
	all, err := silent.watchDeliveries(ctx, d.client, demoProject, event)
	if err != nil {
		return err
	}
	if len(all) != 1 || all[0].State != hookyard.Delivered {
		return failf(exitFailed, "the event was not delivered")
	}
	d.step(green, "●", "delivered after %s, all with the same webhook-id, so a receiver can drop duplicates",
		hookyard.Count(all[0].Attempts, "attempt"))
	return nil
}

func (d *demo) goodbye() {
	_ = d.println(`
The demo server and its data are gone. To continue:

  %s
  %s
  %s
  %s`,
		d.paint(bold, "hookyard serve --dev"),
		d.paint(bold, "hookyard source add github --type github --secret s3cret -p guest/lantern"),
		d.paint(bold, "hookyard hook add guest/lantern deploy http://localhost:3000/hooks -e all"),
		d.paint(bold, "hookyard publish greeting -d '{\"text\": \"hello\"}' -p guest/lantern --wait"))
}
