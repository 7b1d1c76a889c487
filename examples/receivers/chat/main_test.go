package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/examples/receivers"
	"github.com/hookyard/hookyard/internal/app"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func notification(body string) receivers.Notification {
	return receivers.Notification{Body: json.RawMessage(body)}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	say := newSay("", &out)
	for _, body := range []string{
		`{"message":"[git3] SCM commit: test (username)"}`,
		`{"message":"two\nlines \u001b[31mand colour"}`,
		`{"message":"` + strings.Repeat("é", maxLine+1) + `"}`,
	} {
		if err := say(t.Context(), notification(body)); err != nil {
			t.Fatal(err)
		}
	}
	want := "[git3] SCM commit: test (username)\ntwo lines [31mand colour\n" + strings.Repeat("é", maxLine-1) + "…\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	for status, giveUp := range map[int]bool{200: false, 204: false, 302: true, 400: true, 404: true, 408: false,
		429: false, 500: false, 503: false} {
		var got string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = string(b)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		err := newSay(s.URL+"/secret-path", nil)(t.Context(), notification(`{"message":"<!channel> & <b>"}`))
		s.Close()
		if want := `{"text":"\u0026lt;!channel\u0026gt; \u0026amp; \u0026lt;b\u0026gt;"}`; got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
		if (err == nil) != (status/100 == 2) || errors.Is(err, receivers.ErrGiveUp) != giveUp {
			t.Errorf("%d: %v", status, err)
		}
	}
	err := newSay("http://127.0.0.1:1/secret-path", nil)(t.Context(), notification(`{}`))
	if err == nil || errors.Is(err, receivers.ErrGiveUp) || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("connection refused: %v", err)
	}
}

// TestFromHookyard: hookyard sends, the receiver answers at once, and the chat gets its line after a failure.
func TestFromHookyard(t *testing.T) {
	t.Parallel()
	lines, tries := make(chan string, 10), 0
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var said struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			t.Error(err)
		}
		lines <- said.Text
	}))
	t.Cleanup(chat.Close)
	inbox, err := receivers.OpenInbox(t.Context(), filepath.Join(t.TempDir(), "chat.db"))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := receivers.NewHandler(inbox, quiet(), secret)
	if err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(routes(handler))
	worked := make(chan struct{})
	go func() { inbox.Work(t.Context(), quiet(), newSay(chat.URL, nil)); close(worked) }()
	t.Cleanup(func() { receiver.Close(); <-worked; _ = inbox.Close() })

	c := startHookyard(t)
	events := hookyard.SelectAll()
	signing, url := secret, receiver.URL+"/ping"
	if _, err := c.PutHook(t.Context(), "guest/talk", "chat",
		client.HookPatch{URL: &url, Events: &events, Secret: &signing}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), "guest/talk",
		client.Publication{Type: "commit", Data: json.RawMessage(`{"message":"test <x>"}`)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case got := <-lines:
		if got != "test &lt;x&gt;" {
			t.Errorf("said %q", got)
		}
	case <-ctx.Done():
		t.Fatal("the chat gets no line")
	}
}

// startHookyard starts a real server in this process.
func startHookyard(t *testing.T) *client.Client {
	t.Helper()
	config := app.DefaultConfig()
	config.Listen = "127.0.0.1:0"
	config.Dev = true
	config.Data = t.TempDir()
	config.Grace = time.Second
	a, err := app.New(t.Context(), config, "test", quiet())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }() // t.Context ends before the clean-ups
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(a.BaseURL(), "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
