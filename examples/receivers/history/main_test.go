package main

import (
	"encoding/json"
	"fmt"
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
	"github.com/hookyard/hookyard/internal/testenv"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start starts the program's server on a free port.
func start(t *testing.T) (*receivers.Inbox, string) {
	t.Helper()
	inbox, err := receivers.OpenInbox(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	handler, err := receivers.NewHandler(inbox, quiet(), secret)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(routes(inbox, handler, quiet()))
	t.Cleanup(s.Close)
	return inbox, s.URL
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func store(t *testing.T, inbox *receivers.Inbox, id, text string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.Store(t.Context(), receivers.Notification{ID: id, Received: time.Unix(0, 0),
		Body: body}); err != nil {
		t.Fatal(err)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	inbox, url := start(t)
	if _, page := get(t, url); !strings.Contains(page, "received <strong>no</strong> webhook notifications.") {
		t.Errorf("empty: %s", page)
	}
	long := strings.Repeat("long ", 200) + "end"
	store(t, inbox, "evt_1", "<script>alert(1)</script>")
	store(t, inbox, "evt_2", long)
	status, page := get(t, url)
	if status != http.StatusOK || strings.Contains(page, "<script>") {
		t.Errorf("%d %s", status, page)
	}
	for _, want := range []string{"<strong>2</strong>", "&lt;script&gt;alert(1)&lt;/script&gt;", long, "evt_1",
		"1970-01-01T00:00:00Z"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	for i := range onPage {
		store(t, inbox, fmt.Sprint("more-", i), "more")
	}
	if _, page := get(t, url); strings.Contains(page, "evt_2") || !strings.Contains(page, `href="/?before=3"`) {
		t.Errorf("first page: %s", page)
	}
	if _, page := get(t, url+"/?before=3"); !strings.Contains(page, "evt_1") || !strings.Contains(page, "evt_2") ||
		strings.Contains(page, "more") {
		t.Errorf("second page: %s", page)
	}
	if status, _ := get(t, url+"/?before=x"); status != http.StatusOK {
		t.Errorf("?before=x: %d", status)
	}
}

// TestFromHookyard: a real hookyard sends a notification in NetBeans' format, as JSON and as a form.
func TestFromHookyard(t *testing.T) {
	t.Parallel()
	inbox, url := start(t)
	c := startHookyard(t)
	const project = "guest/hook-test"
	events, signing := hookyard.SelectAll(), secret
	for _, contentType := range []string{"json", "form"} {
		format := "netbeans"
		_, err := c.PutHook(t.Context(), project, contentType,
			client.HookPatch{URL: &url, Events: &events, Secret: &signing, Format: &format, ContentType: &contentType})
		if err != nil {
			t.Fatal(err)
		}
	}
	message := "[git3] SCM commit: " + strings.Repeat("a long message ", 30)
	data, err := json.Marshal(map[string]string{"user": "username", "message": message})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := c.Publish(t.Context(), project, client.Publication{Type: "ticket", Data: data})
	if err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "both deliveries", func() bool {
		page, err := c.Deliveries(t.Context(), project,
			client.DeliveryQuery{Event: receipt.ID, State: hookyard.Delivered})
		return err == nil && len(page.Deliveries) == 2
	})
	// Both hooks send the same event with the same webhook-id, so the second request is a duplicate.
	if n, err := inbox.Count(t.Context()); n != 1 || err != nil {
		t.Errorf("%d notifications, %v; want 1", n, err)
	}
	if _, page := get(t, url); !strings.Contains(page, message) {
		t.Errorf("the message is not on the page: %s", page)
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
