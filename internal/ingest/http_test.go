package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// nobody is a dispatcher without room, so that deliveries stay rows.
type nobody struct{}

func (nobody) Reserve(*hookyard.Hook, *hookyard.Event) bool { return false }
func (nobody) Push(hookyard.Delivery, *hookyard.Event)      {}
func (nobody) Release(int64, *hookyard.Event, bool)         {}
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

// refusedOf returns the refused requests of the source, the newest first.
func (y *yard) refusedOf() []hookyard.Refusal {
	y.t.Helper()
	all, err := y.db.Refused(y.t.Context(), y.source().ProjectKey, "in", 1000)
	if err != nil {
		y.t.Fatal(err)
	}
	return all
}

func (y *yard) source() *hookyard.Source {
	y.t.Helper()
	return y.snapshot().Sources["in"]
}

func (y *yard) snapshot() *hookyard.Snapshot {
	y.t.Helper()
	snapshot, err := y.db.Snapshot(y.t.Context(), "acme", "shop")
	if err != nil {
		y.t.Fatal(err)
	}
	return snapshot
}

// recheck checks a refused request again.
func (y *yard) recheck(key int64) (hookyard.Receipt, error) {
	y.t.Helper()
	s := y.snapshot()
	rf, err := y.db.RefusedRequest(y.t.Context(), s.Project.Key, "in", key)
	if err != nil {
		y.t.Fatal(err)
	}
	return y.in.Recheck(y.t.Context(), s, s.Sources["in"], rf)
}

// TestRecheck refuses a signed request because of a wrong secret, a day before the secret is right: the request is then
// accepted as it came, once. Signatures are checked as of the time when the request came.
func TestRecheck(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		y := newYard(t, db, hookyard.Source{Type: "stripe", Secrets: []hookyard.Secret{{Value: "whsec_wrong"}}})
		yesterday := time.Now().Add(-24 * time.Hour)
		body := `{"id":"evt_77","type":"charge.failed"}`
		stamp := strconv.FormatInt(yesterday.Unix(), 10)
		mac := hmac.New(sha256.New, []byte("whsec_right"))
		mac.Write([]byte(stamp + "." + body))
		signed := http.Header{"Stripe-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))},
			"Content-Type": {"application/json"}, "X-Extra": {"kept"}}
		rf := &hookyard.Refusal{ProjectKey: y.source().ProjectKey, Source: "in", Time: yesterday, Method: "POST",
			Reason: "wrong", Target: "/sub?a=%20b", Remote: "192.0.2.7", Body: []byte(body), Size: int64(len(body)),
			Whole: true, URI: "/in/acme/shop/in/sub?a=%20b", Sent: signed}
		if err := db.Refuse(ctx, rf); err != nil {
			t.Fatal(err)
		}
		if _, err := y.recheck(rf.Key); hookyard.CodeOf(err) != hookyard.Unauthenticated {
			t.Errorf("with the wrong secret: %v; want it refused again", err)
		}
		s := *y.source()
		s.Secrets = []hookyard.Secret{{Value: "whsec_right"}}
		if _, err := db.PutSource(ctx, &s); err != nil {
			t.Fatal(err)
		}
		receipt, err := y.recheck(rf.Key)
		if err != nil || receipt.Duplicate {
			t.Fatalf("with the right secret: %+v, %v", receipt, err)
		}
		e, err := db.Event(ctx, s.ProjectKey, receipt.ID)
		if err != nil || string(e.Body) != body || e.Type != "charge.failed" || e.Target != "/sub?a=%20b" ||
			e.Remote != "192.0.2.7" || e.Method != "POST" || e.Header.Get("X-Extra") != "kept" || e.Verified == "" ||
			time.Since(e.Time) > time.Hour {
			t.Errorf("the event is %+v, %v", e, err)
		}
		if again, err := y.recheck(rf.Key); err != nil || !again.Duplicate || again.ID != receipt.ID {
			t.Errorf("checked a second time: %+v, %v; want a duplicate of %s", again, err, receipt.ID)
		}
	})
}

// TestRefusedIsKept refuses requests by a token, and checks what is kept of them: all of small ones, without a
// credential that can be read in lists, and the beginning of large ones.
func TestRefusedIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := newYard(t, db, hookyard.Source{Type: "token", Secrets: []hookyard.Secret{{Value: "not-this-one"}}})
		refuse := func(body string) hookyard.Refusal {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost,
				"/in/acme/shop/in?hub.verify_token=the-new-one&token=the-new-one", strings.NewReader(body))
			err := y.in.Inbound(httptest.NewRecorder(), r, "acme", "shop", "in", "")
			if hookyard.CodeOf(err) != hookyard.Unauthenticated {
				t.Fatalf("accepted: %v", err)
			}
			return y.refusedOf()[0]
		}
		large := refuse(strings.Repeat("x", hookyard.LargeBody+1))
		if large.Whole || len(large.Body) != partOfRefused || large.Size != hookyard.LargeBody+1 {
			t.Errorf("of a large body %d of %d bytes are kept, whole %t", len(large.Body), large.Size, large.Whole)
		}
		small := refuse("{}")
		if !small.Whole || strings.Contains(small.Target, "the-new-one") || small.Sent != nil {
			t.Errorf("kept is %+v", small)
		}
		s := *y.source()
		s.Secrets = []hookyard.Secret{{Value: "the-new-one"}}
		if _, err := db.PutSource(t.Context(), &s); err != nil {
			t.Fatal(err)
		}
		if receipt, err := y.recheck(small.Key); err != nil || receipt.ID == "" {
			t.Errorf("with the new token: %+v, %v", receipt, err)
		}
	})
}

// TestRefusedIsBounded refuses many requests: the newest are kept, by their number and by their bytes.
func TestRefusedIsBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := newYard(t, db, hookyard.Source{})
		refuse := func(n, size int) {
			t.Helper()
			for range n {
				if err := db.Refuse(t.Context(), &hookyard.Refusal{ProjectKey: y.source().ProjectKey, Source: "in",
					Time: time.Now(), Reason: "wrong", Body: make([]byte, size), Size: int64(size)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		refuse(510, 1)
		if n := len(y.refusedOf()); n != 500 {
			t.Errorf("%d are kept, want 500", n)
		}
		refuse(40, hookyard.LargeBody)
		all := y.refusedOf()
		bytes := 0
		for _, r := range all {
			bytes += len(r.Body)
		}
		if bytes > 8<<20 || bytes < 8<<20-hookyard.LargeBody || len(all[0].Body) != hookyard.LargeBody {
			t.Errorf("%d bytes of %d requests are kept, want about 8 MiB of the newest", bytes, len(all))
		}
	})
}
