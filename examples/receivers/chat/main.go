// Command chat receives webhooks and posts a line about each to a chat. It is a version of NetBeans' second sample
// handler with an incoming webhook of Slack, Mattermost, Rocket.Chat or Google Chat instead of XMPP. Without CHAT_URL
// it prints the lines.
//
//	WEBHOOK_SECRET=whsec_… CHAT_URL=https://… go run ./examples/receivers/chat
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
	"sync"
	"syscall"

	"github.com/hookyard/hookyard/examples/receivers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:8092", "address to serve on")
	file := flag.String("file", "chat.db", "SQLite file with the notifications")
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
	log.Info("ready for hooks", "url", "http://"+l.Addr().String()+"/ping")

	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { inbox.Work(ctx, log, newSay(os.Getenv("CHAT_URL"), os.Stdout)) })
	err = receivers.Serve(ctx, l, routes(handler))
	cancel()
	working.Wait()
	return err
}

func routes(handler http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /ping", handler)
	return mux
}
