package ingest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// nobody is a dispatcher without room, so that deliveries stay rows.
type nobody struct{}

func (nobody) Reserve(*hookyard.Hook, *hookyard.Event) bool { return false }
func (nobody) Push(hookyard.Delivery, *hookyard.Event)      {}
func (nobody) Release(int64, *hookyard.Event)               {}
func (nobody) Wake(...int64)                                {}

// yard is an Ingest with one source, acme/shop/in.
type yard struct {
	t  *testing.T
	db *store.DB
	in *Ingest
}

func newYard(t *testing.T, db *store.DB, s hookyard.Source) *yard {
	t.Helper()
	p := &hookyard.Project{Owner: "acme", Name: "shop"}
	if err := db.CreateProject(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	s.ProjectKey = p.Key
	s.Project = p.Path()
	s.Name = "in"
	s.Active = true
	if s.Type == "" {
		s.Type = "none"
	}
	if err := s.Validate(hookyard.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutSource(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	all := func(*hookyard.Hook, *hookyard.Event) (bool, error) { return true, nil }
	return &yard{t, db, New(Options{Store: db, Dispatcher: nobody{}, Filter: all, Limits: hookyard.DefaultLimits(),
		Log: slog.New(slog.DiscardHandler)})}
}

// send sends a body to the source and returns the answer.
func (y *yard) send(body string, header ...string) *httptest.ResponseRecorder {
	y.t.Helper()
	r := httptest.NewRequestWithContext(y.t.Context(), http.MethodPost, "/in/acme/shop/in", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if err := y.in.Inbound(w, r, "acme", "shop", "in", ""); err != nil {
		y.t.Fatal(err)
	}
	return w
}

// TestAnswerIsNoPage: what a source's owner chose to answer runs nothing on our origin.
func TestAnswerIsNoPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers map[string]string
		want    string
	}{
		{nil, "text/plain; charset=utf-8"},
		{map[string]string{"content-type": "text/html"}, "text/html"},
	} {
		y := newYard(t, storetest.Open(t, storetest.SQLite(t)),
			hookyard.Source{Answer: &hookyard.Answer{Status: 201, Headers: c.headers,
				Body: "<script>alert(1)</script>"}})
		w := y.send("{}")
		h := w.Header()
		if w.Code != 201 || h.Get("Content-Type") != c.want || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
			t.Errorf("%v: %d %v", c.headers, w.Code, h)
		}
	}
}

// TestPathsThatNameNothing holds that PostgreSQL does not see what it cannot take.
func TestPathsThatNameNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := newYard(t, db, hookyard.Source{})
		for _, p := range [][3]string{{"a\x00b", "shop", "in"}, {"acme", "shop\x00", "in"}, {"acme", "shop", "in\x00"},
			{"\xff\xfe", "shop", "in"},
			{"acme", "\xc3", "in"}, {"acme\n", "shop", "in"}, {"acme", "other", "in"}, {"acme", "shop", "other"}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
			if err := y.in.Inbound(httptest.NewRecorder(), r, p[0], p[1], p[2],
				""); hookyard.CodeOf(err) != hookyard.NotFound {
				t.Errorf("%q: %v", p, err)
			}
		}
	})
}

// TestTypeIsOneLine: whatever a sender calls an event, its type can be sent as a header's value.
func TestTypeIsOneLine(t *testing.T) {
	t.Parallel()
	y := newYard(t, storetest.Open(t, storetest.SQLite(t)), hookyard.Source{TypeField: "type"})
	snapshot, err := y.db.Snapshot(t.Context(), "acme", "shop")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"type":"a\nb"}`:                 "a b",
		`{"type":"a\r\nX-Evil: 1"}`:       "a  X-Evil: 1",
		`{"type":"a\tb\n"}`:               "a b",
		`{"type":"a\u0000\u001b\u007fb"}`: "a���b",
		`{"type":"a\u0085\u2028b"}`:       "a��b",
		`{"type":"\n"}`:                   "in",
		`{"type":"größer 日本"}`:            "größer 日本",
	} {
		y.send(body)
		page, err := y.db.Events(t.Context(), hookyard.EventQuery{ProjectKey: snapshot.Project.Key, Limit: 1})
		if err != nil || len(page.Events) != 1 {
			t.Fatal(page, err)
		}
		if got := page.Events[0].Type; got != want {
			t.Errorf("%s: type %q, want %q", body, got, want)
		}
	}
}

// TestDuplicateIsSaid sends an event with the same id twice: the second answer names the first event, in a header if
// the source has an answer of its own.
func TestDuplicateIsSaid(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := newYard(t, db, hookyard.Source{DedupHeader: "X-Id"})
		first := strings.TrimSpace(y.send("{}", "X-Id", "7").Body.String())
		again := strings.TrimSpace(y.send("{}", "X-Id", "7").Body.String())
		if want := strings.TrimSuffix(first, "}") + `,"duplicate":true}`; again != want {
			t.Errorf("the second answer is %s, want %s", again, want)
		}
	})
	y := newYard(t, storetest.Open(t, storetest.SQLite(t)),
		hookyard.Source{DedupHeader: "X-Id", Answer: &hookyard.Answer{Status: 202, Body: "thanks"}})
	if w := y.send("{}", "X-Id", "7"); w.Header().Get(HeaderDuplicate) != "" {
		t.Error("the first answer says that it is a duplicate")
	}
	w := y.send("{}", "X-Id", "7")
	if !strings.HasPrefix(w.Header().Get(HeaderDuplicate), "evt_") || w.Code != 202 || w.Body.String() != "thanks" {
		t.Errorf("the second answer is %d %v %s; want the source's, with the id", w.Code, w.Header(), w.Body)
	}
}
