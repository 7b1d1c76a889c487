// Command guestbook is a small web site where visitors leave comments, with webhooks for new comments. It shows how a
// program offers webhooks with the help of hookyard: the site publishes an event for each comment, and hookyard stores
// the hooks, signs, sends, retries and shows the history.
//
//	go run ./examples/guestbook --with-hookyard
//
// book.go stores a comment and its event in one transaction, sender.go and publish.go send the event, webhooks.go
// manages the hooks, and server.go serves the pages.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookyard/hookyard/client"
)

// options are the settings from flags and the environment.
type options struct {
	listen   string
	data     string
	hookyard string // URL
	token    string
	project  string // owner/name in hookyard
	rabbitMQ string // URL, or "" to publish through hookyard's API
	queue    string
	with     bool // run hookyard in this process
}

func main() {
	o := options{token: os.Getenv("HOOKYARD_TOKEN"), rabbitMQ: os.Getenv("GUESTBOOK_RABBITMQ"),
		queue: env("GUESTBOOK_QUEUE", "comments")}
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8090", "address to serve on")
	flag.StringVar(&o.data, "data", "guestbook-data", "directory for the comments")
	flag.StringVar(&o.hookyard, "hookyard", env("HOOKYARD_SERVER", "http://127.0.0.1:8080"), "URL of hookyard")
	flag.StringVar(&o.project, "project", "guest/guestbook", "project in hookyard, owner/name")
	flag.BoolVar(&o.with, "with-hookyard", false,
		"run hookyard in this process, at the address of --hookyard, to try it out")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "guestbook:", err)
		os.Exit(1)
	}
}

func env(name, preset string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return preset
}

// run serves until ctx is done. It prints the site's addresses to out.
func run(ctx context.Context, o options, out io.Writer, log *slog.Logger) error {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return err
	}
	b, err := openBook(ctx, filepath.Join(o.data, "guestbook.db"))
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	g, ctx := errgroup.WithContext(ctx)
	if o.with {
		if o.hookyard, err = startHookyard(ctx, g, o, log); err != nil {
			return err
		}
	}
	c, err := client.New(o.hookyard, o.token, client.WithUserAgent("guestbook"),
		client.WithHTTPClient(&http.Client{Timeout: 15 * time.Second}))
	if err != nil {
		return err
	}
	hooks := &webhooks{client: c, project: o.project, server: o.hookyard}
	publish, err := newPublisher(o, c)
	if err != nil {
		return err
	}
	defer publish.close()
	g.Go(func() error { setUp(ctx, o, hooks, out, log); return nil })
	g.Go(func() error { (&sender{book: b, log: log, publish: publish.publish}).run(ctx); return nil })
	g.Go(func() error { return serve(ctx, listener, newServer(b, hooks, log)) })
	fmt.Fprintf(out, "guestbook  http://%s/\n", listener.Addr())
	fmt.Fprintf(out, "webhooks   http://%s/webhooks\n", listener.Addr())
	fmt.Fprintf(out, "hookyard   %s/%s\n", o.hookyard, o.project)
	fmt.Fprintf(out, "comments are published through %s\n", publish.name())
	return g.Wait()
}

// setUp creates the project and the source in hookyard. It retries until hookyard is up; the site works without it.
func setUp(ctx context.Context, o options, hooks *webhooks, out io.Writer, log *slog.Logger) {
	wait := firstWait
	for {
		err := hooks.setUp(ctx, o.rabbitMQ, o.queue)
		if err == nil && o.with {
			var bin string
			if bin, err = ensureBin(ctx, hooks); bin != "" {
				fmt.Fprintf(out, "bin        %s?inspect\n", bin)
			}
		}
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			log.Warn("cannot set up hookyard; retrying", "in", wait, "error", err)
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, maxWait)
	}
}

// serve serves until ctx is done and then waits for running requests.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		IdleTimeout: 2 * time.Minute}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- s.Shutdown(bounded)
	})
	err := s.Serve(l)
	if stop() { // ctx is not done: Serve failed
		return err
	}
	return <-stopped
}
