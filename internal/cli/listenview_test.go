package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/hookyard/hookyard/client"
)

// The live table follows the last event until another is selected, shows details, and resends events.
func TestListenView(t *testing.T) {
	t.Parallel()
	var bodies []string
	var opened string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bodies = append(bodies, r.Header.Get("X-N"))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(receiver.Close)
	s := &session{env: func(string) (string, bool) { return "", false }, color: "never"}
	v := &listenView{session: s, listener: &listener{project: "shop/orders", to: receiver.URL,
		forwarder: newForwarder(time.Second)}, ctx: t.Context()}
	press := func(keys ...rune) {
		for _, k := range keys {
			msg := tea.KeyPressMsg{Code: k}
			if k > ' ' {
				msg.Text = string(k)
			}
			if _, cmd := v.Update(msg); cmd != nil {
				v.Update(cmd())
			}
		}
	}
	v.server = "http://localhost:8080/hooks/"
	v.browse = func(_ context.Context, page string) error { opened = page; return nil }
	v.Update(tea.WindowSizeMsg{Width: 100, Height: 12})
	v.Update(notice{text: "listening to shop/orders", up: true})
	press('j', 'r', tea.KeyEnter) // with nothing to act on
	for _, id := range []string{"evt_1", "evt_2", "evt_3"} {
		e := &client.StreamEvent{Event: client.Event{ID: id, Type: "order.\x1b[31mcreated",
			Header: map[string][]string{"X-N": {id}}, Base64: []byte(`{"n":1}`)}}
		v.Update(notice{event: e, answer: &answered{Status: 200}})
	}
	screen := v.View().Content
	for _, want := range []string{"● shop/orders", "evt_1", "› ", "listening to shop/orders", "o page", "200"} {
		if !strings.Contains(screen, want) {
			t.Errorf("the table lacks %q:\n%s", want, screen)
		}
	}
	if strings.Contains(screen, "\x1b[31m") {
		t.Error("an event's type can colour the terminal")
	}
	press('r', 'k', 'k', 'r', 'R')
	if got := strings.Join(bodies, " "); got != "evt_3 evt_1 evt_3" {
		t.Errorf("resent %s, want evt_3 evt_1 evt_3", got)
	}
	if !strings.Contains(v.View().Content, "evt_3 resent: 202") {
		t.Errorf("the answer is not shown:\n%s", v.View().Content)
	}
	v.Update(notice{event: &client.StreamEvent{Event: client.Event{ID: "evt_4"}}})
	if v.selected != 0 {
		t.Errorf("row %d is selected, want the first", v.selected)
	}
	press(tea.KeyEnter)
	if screen := v.View().Content; !strings.Contains(screen, "X-N: evt_1") || !strings.Contains(screen, `"n": 1`) {
		t.Errorf("details lack header or body:\n%s", screen)
	}
	press(tea.KeyEscape, 'o')
	if want := "http://localhost:8080/hooks/shop/orders/events/evt_1"; opened != want ||
		!strings.Contains(v.View().Content, "opened "+want) {
		t.Errorf("opened %q, want %q", opened, want)
	}
	press('j', tea.KeyEscape, 'q')
	if !v.quit {
		t.Error("q does not quit")
	}
}

// The table holds a bounded number of events and keeps the selection.
func TestListenViewIsBounded(t *testing.T) {
	t.Parallel()
	v := &listenView{session: &session{}, listener: &listener{}}
	for range maxRows + 10 {
		v.Update(notice{event: &client.StreamEvent{}, answer: nil})
		v.rows[len(v.rows)-1].event.ID = time.Now().String()
	}
	if len(v.rows) != maxRows || v.selected != maxRows-1 {
		t.Errorf("%d rows, row %d selected; want %d and the last", len(v.rows), v.selected, maxRows)
	}
}

// The screen at 80 by 10: the response comes first and the id last, and a note that is no longer true goes.
func TestListenViewAt80(t *testing.T) {
	t.Parallel()
	s := &session{env: func(string) (string, bool) { return "", false }, color: "never"}
	v := &listenView{session: s, listener: &listener{project: "shop/orders", to: "http://localhost:3000",
		skip: make(chan struct{})}, ctx: t.Context()}
	v.Update(tea.WindowSizeMsg{Width: 80, Height: 10})
	at := time.Date(2026, 3, 1, 14, 5, 6, 0, time.Local)
	event := func(id, kind string) *client.StreamEvent {
		return &client.StreamEvent{Event: client.Event{ID: id, Type: kind, Source: "github", Time: at, Size: 1234}}
	}
	one, two := event("evt_01m8e8mr31e09bz32ayxzzpjy2", "pull_request"), event("evt_01m8e8mr31e09bz32ayxzzpjy3", "push")
	v.Update(notice{event: one, answer: &answered{Status: 503, took: 12 * time.Millisecond}})
	refused := &answered{Error: "connection refused", refused: true}
	v.Update(notice{event: two, answer: refused, again: true, text: "evt_…jy3 (push): connection refused; retrying"})
	v.Update(notice{up: true, waiting: "3"})
	golden, err := os.ReadFile("testdata/listen80x10.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got := v.View().Content; got != strings.TrimSuffix(string(golden), "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, golden)
	}
	v.Update(notice{event: two, answer: &answered{Status: 200}})
	if screen := v.View().Content; strings.Contains(screen, "retrying") || strings.Contains(screen, "waiting") {
		t.Errorf("the old note stays:\n%s", screen)
	}
	v.Update(notice{text: "listening again after 3s; catching up", up: true, passes: true})
	v.Update(notice{event: two, answer: &answered{Status: 200}})
	if screen := v.View().Content; strings.Contains(screen, "catching up") {
		t.Errorf("the old note stays:\n%s", screen)
	}
	if v.Update(tea.KeyPressMsg{Code: 's', Text: "s"}); v.status != "no event is being retried" {
		t.Errorf("status %q", v.status)
	}
}

// A key skips an event whose receiver is dead.
func TestListenSkips(t *testing.T) {
	t.Parallel()
	l := &listener{to: "http://127.0.0.1:1", forwarder: newForwarder(time.Second), skip: make(chan struct{})}
	v := &listenView{session: &session{}, listener: l}
	done := make(chan *answered)
	tried := make(chan struct{}, 100)
	go func() {
		a, err := l.forward(t.Context(), &client.StreamEvent{}, func(notice) error { tried <- struct{}{}; return nil })
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	<-tried
	for {
		v.skip()
		select {
		case a := <-done:
			if !a.refused {
				t.Errorf("%+v", a)
			}
			return
		default:
		}
	}
}
