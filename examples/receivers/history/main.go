// Command history receives webhooks and lists them. It is a version of NetBeans' first sample handler. The page and the
// receiver have the same URL.
//
//	WEBHOOK_SECRET=whsec_… go run ./examples/receivers/history
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/hookyard/hookyard/examples/receivers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "history:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:8091", "address to serve on")
	file := flag.String("file", "history.db", "SQLite file with the notifications")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	inbox, err := receivers.OpenInbox(ctx, *file)
	if err != nil {
		return err
	}
	defer func() { _ = inbox.Close() }()
	handler, err := receivers.NewHandler(inbox, log, os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	log.Info("ready for hooks and browsers", "url", "http://"+l.Addr().String()+"/")
	return receivers.Serve(ctx, l, routes(inbox, handler, log))
}

func routes(inbox *receivers.Inbox, handler http.Handler, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", handler)
	mux.Handle("GET /{$}", &page{inbox: inbox, log: log})
	return mux
}
