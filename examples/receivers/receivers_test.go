package receivers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard/examples/receivers"
	"github.com/hookyard/hookyard/signature"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other  = "whsec_plJ3nmyCDGBKInavdOK15jsl7xbZbIuN"
	form   = "application/x-www-form-urlencoded"
)

// quiet returns a logger that discards everything.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openInbox(t *testing.T) *receivers.Inbox {
	t.Helper()
	inbox, err := receivers.OpenInbox(context.Background(), filepath.Join(t.TempDir(), "in box?#%.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	return inbox
}

// request returns a request as hookyard sends it, signed at the given time.
func request(t *testing.T, id, contentType string, body []byte, at time.Time, secrets ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	sum, err := signature.SignStandard(secrets, id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-signature", sum)
	return r
}

func TestHandler(t *testing.T) {
	t.Parallel()
	netbeans := []byte(`{"message":"[git3] SCM commit: test (username)","project":"hook-test","event":"scm"}`)
	inForm := func(name string) []byte { return []byte(url.Values{name: {string(netbeans)}}.Encode()) }
	now := time.Now()
	for _, c := range []struct {
		name   string
		change func(t *testing.T) *http.Request
		want   int
	}{
		{"JSON", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "application/json", netbeans, now, secret)
		}, 204},
		{"form data", func(t *testing.T) *http.Request {
			return request(t, "evt_1", form, inForm("data"), now,
				secret)
		}, 204},
		{"form payload", func(t *testing.T) *http.Request {
			return request(t, "evt_1", form+"; charset=utf-8", inForm("payload"), now, secret)
		}, 204},
		{"new secret", func(t *testing.T) *http.Request { return request(t, "evt_1", "", netbeans, now, other) }, 204},
		{"both secrets", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "", netbeans, now, "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB", secret)
		}, 204},
		{"another's secret", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "", netbeans, now, "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB")
		}, 401},
		{"too old", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "", netbeans, now.Add(-6*time.Minute), secret)
		}, 401},
		{"too new", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "", netbeans, now.Add(6*time.Minute), secret)
		}, 401},
		{"changed id", func(t *testing.T) *http.Request {
			r := request(t, "evt_1", "", netbeans, now, secret)
			r.Header.Set("webhook-id", "evt_2")
			return r
		}, 401},
		{"changed body", func(t *testing.T) *http.Request {
			r := request(t, "evt_1", "", netbeans, now, secret)
			r.Body = http.NoBody
			return r
		}, 401},
		{"no signature", func(*testing.T) *http.Request {
			return httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(netbeans))
		}, 401},
		{"no JSON", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "application/json", []byte("{"), now, secret)
		}, 400},
		{"form with nothing in it", func(t *testing.T) *http.Request {
			return request(t, "evt_1", form, []byte("x=1"),
				now, secret)
		}, 400},
		{"form that is none", func(t *testing.T) *http.Request {
			return request(t, "evt_1", form, []byte("data=%zz"),
				now, secret)
		}, 400},
		{"too large", func(t *testing.T) *http.Request {
			return request(t, "evt_1", "", bytes.Repeat([]byte(" "), receivers.MaxBody+1), now, secret)
		}, 413},
		{"GET", func(*testing.T) *http.Request { return httptest.NewRequest(http.MethodGet, "/", http.NoBody) }, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inbox := openInbox(t)
			h, err := receivers.NewHandler(inbox, quiet(), secret+", "+other)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, c.change(t))
			if w.Code != c.want {
				t.Fatalf("status %d %s, want %d", w.Code, w.Body, c.want)
			}
			kept, err := inbox.Before(t.Context(), 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			if c.want != 204 {
				if len(kept) != 0 {
					t.Errorf("kept %s", kept[0].Body)
				}
				return
			}
			if len(kept) != 1 || kept[0].ID != "evt_1" || !bytes.Equal(kept[0].Body, netbeans) {
				t.Errorf("kept %+v", kept)
			}
		})
	}
}

func TestRepeatIsDropped(t *testing.T) {
	t.Parallel()
	inbox := openInbox(t)
	h, err := receivers.NewHandler(inbox, quiet(), secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"evt_1", "evt_1", "evt_2", "evt_1"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(t, id, "", []byte(`{"message":"hello"}`), time.Now(), secret))
		if w.Code != http.StatusNoContent {
			t.Fatalf("%s: status %d", id, w.Code)
		}
	}
	if n, err := inbox.Count(t.Context()); n != 2 || err != nil {
		t.Errorf("%d notifications, %v; want 2", n, err)
	}
}

// TestNothingKeptIsNotAcknowledged: a receiver that cannot store the notification must not acknowledge it.
func TestNothingKeptIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	inbox := openInbox(t)
	h, err := receivers.NewHandler(inbox, quiet(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(t, "evt_1", "", []byte(`{}`), time.Now(), secret))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	t.Parallel()
	for _, secrets := range []string{"", ",", "whsec_", "hunter2", "whsec_!!!", "whsec_aGk=", secret + ","} {
		if _, err := receivers.NewHandler(nil, quiet(), secrets); err == nil {
			t.Errorf("%q was accepted", secrets)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q shows a secret", err)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1000)
	for body, want := range map[string]string{
		`{"message":"[git3] SCM commit: test (username)","data":[{}]}`:    "[git3] SCM commit: test (username)",
		`{"message":"` + long + `"}`:                                      long,
		`{"name":"Ann","comment":"Hello","time":1}`:                       "Ann: Hello",
		`{"comment":"Hello"}`:                                             "Hello",
		`{"type":"comment.created","data":{"name":"Ann","comment":"Hi"}}`: "Ann: Hi",
		`{"type":"x","data":{"text":"from inside"}}`:                      "from inside",
		`{"message":{"not":"words"}, "a": [1, 2]}`:                        `{"message":{"not":"words"},"a":[1,2]}`,
		`{"data":["message"]}`:                                            `{"data":["message"]}`,
		`[1, 2]`:                                                          `[1,2]`,
		`"text"`:                                                          `"text"`,
		`null`:                                                            `null`,
	} {
		if got := (&receivers.Notification{Body: json.RawMessage(body)}).Text(); got != want {
			t.Errorf("%s\n got %q\nwant %q", body, got, want)
		}
	}
}

// TestWork: a failed notification is retried before later ones, with growing delays. One that can never succeed is
// skipped.
func TestWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inbox := openInbox(t)
		for _, id := range []string{"a", "b", "c"} {
			if _, err := inbox.Store(t.Context(),
				receivers.Notification{ID: id, Received: time.Now(), Body: json.RawMessage(`{}`)}); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		var did []string
		var at []time.Duration
		inbox.Work(ctx, quiet(), func(_ context.Context, n receivers.Notification) error {
			did, at = append(did, n.ID), append(at, time.Since(began))
			switch {
			case len(did) < 4:
				return errors.New("not now")
			case n.ID == "b":
				return receivers.ErrGiveUp
			case n.ID == "c":
				stop()
			}
			return nil
		})
		if want := []string{"a", "a", "a", "a", "b", "c"}; !slices.Equal(did, want) {
			t.Errorf("did %v, want %v", did, want)
		}
		if want := []time.Duration{0, 1e9, 3e9, 7e9, 7e9, 7e9}; !slices.Equal(at, want) {
			t.Errorf("at %v, want %v", at, want)
		}
		inbox.Work(canceledAfter(time.Minute, t), quiet(), func(_ context.Context, n receivers.Notification) error {
			t.Errorf("%s is processed again", n.ID)
			return nil
		})
		_ = inbox.Close()
	})
}

func canceledAfter(d time.Duration, t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func FuzzDocument(f *testing.F) {
	f.Add("application/json", []byte(`{"message":"hello"}`))
	f.Add(form, []byte(`data=%7B%7D`))
	f.Add(form, []byte(`payload=%5B%5D&data`))
	f.Add("application/x-www-form-urlencoded; charset", []byte(`data={}`))
	f.Add("", []byte(`{"data":{"message":1}}`))
	f.Fuzz(func(t *testing.T, contentType string, raw []byte) {
		body, err := receivers.Document(contentType, raw)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Errorf("%q is not JSON", body)
		}
		if (&receivers.Notification{Body: body}).Text() == "" {
			t.Errorf("%q has no text", body)
		}
	})
}
