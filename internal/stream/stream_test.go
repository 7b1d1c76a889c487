package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/testenv"
)

func number(t testing.TB, e wire) int {
	t.Helper()
	var data struct{ N int }
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatalf("data %q: %v", e.Data, err)
	}
	return data.N
}

func TestTransports(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		snapshot := storetest.Project(t, db, "acme", "shop")
		b := setup(t, db, stream.NewGate(0, 0, nil))
		publish(t, db, snapshot, "before", 0)
		sse := b.listen(t, "", "text/event-stream", "")
		lines := b.listen(t, "since=all", "*/*", "")
		ws, _, err := websocket.Dial(context.Background(), b.srv.URL+"/acme/shop/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ws.CloseNow() }()
		for n := 1; n <= 3; n++ {
			publish(t, db, snapshot, "order.created", n)
		}
		last := ""
		for n := 1; n <= 3; n++ {
			e, id, err := sse.next()
			if err != nil || number(t, e) != n || id != e.Cursor {
				t.Fatalf("sse: %+v, id %s, %v; want number %d", e, id, err, n)
			}
			if want := fmt.Sprintf(`{"n":%d,"big":12345678901234567890.10}`, n); string(e.Data) != want ||
				!strings.Contains(string(e.Base64), want) {
				t.Errorf("data %s, bytes %s; want every digit of %s", e.Data, e.Base64, want)
			}
			if n == 1 {
				last = id
			}
			_, message, err := ws.Read(context.Background())
			if err != nil || json.Unmarshal(message, &e) != nil || number(t, e) != n {
				t.Fatalf("websocket: %s, %v; want number %d", message, err, n)
			}
		}
		for n := range 4 {
			if e, _, err := lines.next(); err != nil || number(t, e) != n {
				t.Fatalf("ndjson: %+v, %v; want number %d", e, err, n)
			}
		}
		again := b.listen(t, "", "text/event-stream", last)
		if e, _, err := again.next(); err != nil || number(t, e) != 2 {
			t.Fatalf("after Last-Event-ID of 1: %+v, %v", e, err)
		}
		_, polled, _ := b.poll(t, "after="+last+"&limit=1")
		if len(polled.Events) != 1 || number(t, polled.Events[0]) != 2 {
			t.Fatalf("poll with limit 1: %+v", polled)
		}
		_, polled, _ = b.poll(t, "after="+polled.Cursor)
		if len(polled.Events) != 1 || number(t, polled.Events[0]) != 3 {
			t.Fatalf("poll on: %+v", polled)
		}
		if _, polled, _ = b.poll(t, "after="+polled.Cursor+"&wait=10ms"); len(polled.Events) != 0 ||
			polled.Cursor == "" {
			t.Fatalf("poll at the end: %+v", polled)
		}
	})
}

func TestSelection(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, stream.NewGate(0, 0, nil))
	first := publish(t, db, snapshot, "order.created", 1)
	publish(t, db, snapshot, "user.created", 2)
	publish(t, db, snapshot, "order.paid", 3)
	meta := hookyard.NewMeta(snapshot.Project.Key, "hookyard.hook.disabled", []byte(`{"n":4}`), time.Now())
	if _, err := db.Accept(context.Background(), &hookyard.RoutedEvent{Event: meta}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"since=all":                                 "[1 2 3]",
		"since=all&type=order.*":                    "[1 3]",
		"since=all&type=order.paid,user.*":          "[2 3]",
		"since=all&type=hookyard.*":                 "[4]",
		"since=all&source=hookyard":                 "[]",
		"since=all&source=api":                      "[1 2 3]",
		"since=all&filter=data.n%3D2":               "[2]",
		"since=all&filter=body.data.n%20%3D%3D%202": "[2]",
		"since=1h":                           "[1 2 3]",
		"since=2001-01-01T00:00:00Z&limit=2": "[1 2]",
		"since=2101-01-01T00:00:00Z":         "[]",
		"since=" + first.ID:                  "[2 3]",
		"":                                   "[]",
	} {
		_, answer, text := b.poll(t, query+"&wait=1ms")
		got := []int{}
		for _, e := range answer.Events {
			got = append(got, number(t, e))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s\n%s", query, got, want, text)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	other := storetest.Project(t, db, "acme", "other")
	b := setup(t, db, stream.NewGate(0, 0, nil))
	good := stream.Cursor(snapshot.Project.Key, 0)
	for query, want := range map[string]string{
		"after=" + stream.Cursor(other.Project.Key, 0): "of another project",
		"after=" + good[:len(good)-1]:                  "not one that hookyard gave out",
		"after=" + good + "A":                          "not one that hookyard gave out",
		"after=" + strings.Repeat("A", 100_000):        "not one that hookyard gave out",
		"after=%00":                                    "not one that hookyard gave out",
		"wait=61s":                                     "wait must be between",
		"wait=-1s":                                     "wait must be between",
		"wait=soon":                                    "wait must be a duration",
		"limit=0":                                      "limit must be",
		"limit=1001":                                   "limit must be",
		"since=yesterday":                              "since must be",
		"since=-5m":                                    "since must be",
		"since=evt_nothing":                            "since names an event",
		"filter=(":                                     "filter",
		"type=" + strings.Repeat("x", 201):             "over 200 bytes",
		"source=" + strings.Repeat("x", 101):           "over 100 bytes",
		"%zz":                                          "query of the URL",
	} {
		status, _, text := b.poll(t, query)
		if status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%.60s: %d %s; want 400 with %q", query, status, text, want)
		}
	}
	if _, err := open(b.srv.URL+"/acme/shop/stream?format=xml", "*/*", ""); err == nil ||
		!strings.Contains(err.Error(), "400") {
		t.Errorf("format=xml: %v", err)
	}
	if _, err := open(b.srv.URL+"/acme/nothing/stream", "*/*", ""); err == nil ||
		!strings.Contains(err.Error(), "404") {
		t.Errorf("no such project: %v", err)
	}
	if n := b.gate.Open(); n != 0 {
		t.Errorf("%d listeners are still counted", n)
	}
}

// TestGap lets a listener come back after what it had not seen was taken away.
func TestGap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		snapshot := storetest.Project(t, db, "acme", "shop")
		b := setup(t, db, stream.NewGate(0, 0, nil))
		for n := range 4 {
			publish(t, db, snapshot, "a", n)
		}
		_, start, _ := b.poll(t, "since=all&limit=1")
		if n, err := db.Prune(context.Background(), store.Retention{Bodies: time.Nanosecond},
			time.Now().Add(time.Second)); err != nil || n != 4 {
			t.Fatalf("Prune = %d, %v", n, err)
		}
		publish(t, db, snapshot, "a", 4)
		_, answer, text := b.poll(t, "after="+start.Cursor)
		if answer.Gap == nil || answer.Gap.MissingFrom != start.Cursor || len(answer.Events) != 1 ||
			number(t, answer.Events[0]) != 4 {
			t.Fatalf("after the cursor of 0: %s; want a gap, then 4", text)
		}
		if _, on, text := b.poll(t, "after="+answer.Gap.ResumeAt); on.Gap != nil || len(on.Events) != 1 {
			t.Errorf("after resumeAt: %s", text)
		}
		sse := b.listen(t, "", "text/event-stream", start.Cursor)
		if e, id, err := sse.next(); err != nil || e.Gap == nil || id != start.Cursor {
			t.Errorf("sse: %+v, %v; want a gap", e, err)
		}
		if e, _, err := sse.next(); err != nil || e.Gap != nil || number(t, e) != 4 {
			t.Errorf("sse after the gap: %+v, %v", e, err)
		}
		if _, fresh, text := b.poll(t, "since=all"); fresh.Gap != nil || len(fresh.Events) != 1 {
			t.Errorf("since=all: %s; nothing is missing for who was never here", text)
		}
	})
}

// TestCursorAhead lets listeners come back after the database was restored from a backup: they are told, and go on with
// what comes.
func TestCursorAhead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		snapshot := storetest.Project(t, db, "acme", "shop")
		b := setup(t, db, stream.NewGate(0, 0, nil))
		publish(t, db, snapshot, "a", 0)
		_, all, _ := b.poll(t, "since=all")
		at, err := stream.ParseCursor(all.Cursor, snapshot.Project.Key)
		if err != nil {
			t.Fatal(err)
		}
		now := stream.Cursor(snapshot.Project.Key, at.Seq)
		ahead := stream.Cursor(snapshot.Project.Key, 1000)
		status, polled, text := b.poll(t, "after="+ahead)
		if status != http.StatusOK || polled.Gap == nil || !polled.Gap.Reset || polled.Gap.ResumeAt != now ||
			polled.Cursor != now || len(polled.Events) != 0 {
			t.Fatalf("poll: %d %s", status, text)
		}
		sse := b.listen(t, "", "text/event-stream", ahead)
		lines := b.listen(t, "after="+ahead, "*/*", "")
		ws, _, err := websocket.Dial(t.Context(), b.srv.URL+"/acme/shop/stream?after="+ahead, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ws.CloseNow() }()
		next := map[string]func() (wire, string, error){"sse": sse.next, "ndjson": lines.next,
			"websocket": func() (e wire, id string, err error) {
				_, message, err := ws.Read(t.Context())
				if err == nil {
					err = json.Unmarshal(message, &e)
				}
				return e, "", err
			}}
		for name, f := range next {
			e, id, err := f()
			if err != nil || e.Gap == nil || !e.Gap.Reset || !strings.Contains(e.Gap.Message, "backup") {
				t.Fatalf("%s: %+v, %v; want to be told", name, e, err)
			}
			if name == "sse" && id != now {
				t.Errorf("sse: id %s; who comes back with it would be told again, and miss what came", id)
			}
		}
		publish(t, db, snapshot, "a", 1)
		for name, f := range next {
			if e, _, err := f(); err != nil || e.Gap != nil || number(t, e) != 1 {
				t.Errorf("%s: %+v, %v; want what came then", name, e, err)
			}
		}
	})
}

// TestCursorOfAnother lets a listener come back to a database that was restored from a backup and has as many events
// again: those that stand at the places of the lost ones are not taken for them.
func TestCursorOfAnother(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		snapshot := storetest.Project(t, db, "acme", "shop")
		b := setup(t, db, stream.NewGate(0, 0, nil))
		for n := range 3 {
			publish(t, db, snapshot, "a", n)
		}
		_, all, _ := b.poll(t, "since=all&limit=2")
		at, err := stream.ParseCursor(all.Cursor, snapshot.Project.Key)
		if err != nil || all.Cursor != all.Events[1].Cursor || at.Mark == 0 {
			t.Fatalf("%+v, %v", all, err)
		}
		if _, on, text := b.poll(t, "after="+all.Cursor); on.Gap != nil || len(on.Events) != 1 {
			t.Errorf("the cursor of an event that is here: %s", text)
		}
		lost := stream.CursorAt(&hookyard.Event{ProjectKey: snapshot.Project.Key, Seq: at.Seq, ID: "evt_lost"})
		_, on, text := b.poll(t, "after="+lost)
		if on.Gap == nil || !on.Gap.Reset || len(on.Events) != 0 {
			t.Fatalf("the cursor of an event that was lost: %s", text)
		}
		publish(t, db, snapshot, "a", 3)
		if _, on, text = b.poll(t, "after="+on.Gap.ResumeAt); len(on.Events) != 1 || number(t, on.Events[0]) != 3 {
			t.Errorf("after resumeAt: %s", text)
		}
		if _, err := db.Prune(t.Context(), store.Retention{Bodies: time.Nanosecond, Seen: time.Nanosecond},
			time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, on, text := b.poll(t, "after="+all.Cursor+"&wait=0s"); on.Gap == nil || on.Gap.Reset {
			t.Errorf("the cursor of an event past retention: %s", text)
		}
	})
}

// TestStopping holds one listener of each kind open while the server stops.
func TestStopping(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, stream.NewGate(0, 0, nil))
	sse := b.listen(t, "", "text/event-stream", "")
	lines := b.listen(t, "", "*/*", "")
	ws, _, err := websocket.Dial(context.Background(), b.srv.URL+"/acme/shop/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	polled := make(chan string, 1)
	go func() {
		_, answer, text := b.poll(t, "wait=60s")
		if answer.Cursor == "" {
			text = "no cursor in " + text
		}
		polled <- text
	}()
	testenv.Until(t, "four listeners", func() bool { return b.hub.Listeners() == 4 })
	closed := make(chan websocket.StatusCode, 1)
	go func() {
		_, _, err := ws.Read(context.Background())
		closed <- websocket.CloseStatus(err)
	}()
	b.stop()
	if text := <-polled; !strings.HasPrefix(text, `{"events":[],"cursor":"`) {
		t.Errorf("poll: %s", text)
	}
	if rest, err := io.ReadAll(sse.lines); err != nil || !strings.Contains(string(rest), "come back") {
		t.Errorf("sse: %q, %v", rest, err)
	}
	if rest, err := io.ReadAll(lines.lines); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("ndjson: %q, %v", rest, err)
	}
	if code := <-closed; code != websocket.StatusGoingAway {
		t.Errorf("websocket: closed with %d, want 1001", code)
	}
	testenv.Until(t, "none is left", func() bool { return b.gate.Open() == 0 })
}

// TestGoneAtOnce closes connections and looks whether anything of them is left.
func TestGoneAtOnce(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, stream.NewGate(3, 0, nil))
	sse := b.listen(t, "", "text/event-stream", "")
	lines := b.listen(t, "", "*/*", "")
	ctx, cancel := context.WithCancel(context.Background())
	polled := make(chan error, 1)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.srv.URL+"/acme/shop/poll", nil)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		polled <- err
	}()
	testenv.Until(t, "three listeners", func() bool { return b.gate.Open() == 3 })
	resp, err := http.Get(b.srv.URL + "/acme/shop/poll")
	if err != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a fourth listener: %v, %v; want 429 with Retry-After", resp, err)
	}
	_ = resp.Body.Close()
	sse.close()
	lines.close()
	cancel()
	if err := <-polled; !errors.Is(err, context.Canceled) {
		t.Errorf("poll: %v", err)
	}
	testenv.Until(t, "all are gone", func() bool { return b.gate.Open() == 0 })
	publish(t, db, snapshot, "a", 1) // nobody is there to be woken
}

// TestSlowReader leaves a listener unread while more comes than any buffer holds; another one must not notice, and the
// slow one must get everything later.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, stream.NewGate(0, 0, nil))
	slow := b.listen(t, "", "*/*", "")
	quick := b.listen(t, "", "text/event-stream", "")
	const events = 60
	pad := strings.Repeat("x", 200<<10)
	go func() {
		for n := range events {
			e := hookyard.NewEvent("in", "a", fmt.Appendf(nil, `{"n":%d,"pad":%q}`, n, pad), time.Now())
			e.ProjectKey = snapshot.Project.Key
			if _, err := db.Accept(context.Background(), &hookyard.RoutedEvent{Event: e}); err != nil {
				t.Error(err)
			}
		}
	}()
	for n := range events {
		if e, _, err := quick.next(); err != nil || number(t, e) != n {
			t.Fatalf("event %d: %v, %v", n, e.ID, err)
		}
	}
	cursor := ""
	for n := range events {
		e, _, err := slow.next()
		if err != nil && cursor != "" { // it was taken to be gone, which a busy machine makes likely; it comes back
			slow = b.listen(t, "", "*/*", cursor)
			e, _, err = slow.next()
		}
		if err != nil || number(t, e) != n {
			t.Fatalf("event %d, slowly: %v, %v", n, e.ID, err)
		}
		cursor = e.Cursor
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, stream.NewGate(0, 0, nil))
	req, _ := http.NewRequest(http.MethodOptions, b.srv.URL+"/acme/shop/poll", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusNoContent ||
		!strings.Contains(resp.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

func TestForeignCookies(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]bool{"": true, "http://yard.example": true, "https://evil.example": false,
		"null": false, "http://yard.example:81": false} {
		r, _ := http.NewRequest(http.MethodGet, "http://yard.example/", nil)
		r.Header.Set("Cookie", "hookyard_session=x")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := stream.WithoutForeignCookies(r).Header.Get("Cookie") != ""; got != want {
			t.Errorf("origin %q: cookies kept: %v, want %v", origin, got, want)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(stream.Cursor(1, 0))
	f.Add(stream.Cursor(1, 1<<40))
	f.Add(stream.CursorAt(&hookyard.Event{ProjectKey: 1, Seq: 7, ID: "evt_1"}))
	f.Add("AQEA")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := stream.ParseCursor(text, 1)
		if err == nil && at.Mark == 0 && stream.Cursor(1, at.Seq) != text {
			t.Errorf("%q means %d, whose cursor is %q", text, at.Seq, stream.Cursor(1, at.Seq))
		}
		if err != nil && hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	})
}
