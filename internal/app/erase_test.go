package app_test

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestErasedEventsAreNotStreamed: what nodes hold of erased events for their listeners goes, too, also when another
// node has erased them.
func TestErasedEventsAreNotStreamed(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := app.DefaultConfig()
		c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
		c.Database = dsn
		a, stop := run(t, c)
		defer stop()
		b, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
		if err != nil {
			t.Fatal(err)
		}
		token := strings.TrimSpace(string(b))
		admin := at(t, a, token)
		eraser := admin
		if store.IsPostgres(dsn) {
			other, stopOther := run(t, c)
			defer stopOther()
			eraser = at(t, other, token)
		}
		if _, _, err := admin.PutProject(t.Context(), "acme/shop", client.ProjectPatch{}); err != nil {
			t.Fatal(err)
		}
		stays := listen(t, a, token, "") // so that the node keeps what is new in memory
		cursor := stays.next("id: ")
		var ids []string
		for range 2 {
			id := publish(t, admin)
			ids = append(ids, id)
			if data := stays.next("data: "); !strings.Contains(data, id) {
				t.Fatalf("listened to %s, want %s", data, id)
			}
		}
		if data := listen(t, a, token, cursor).next("data: "); !strings.Contains(data, ids[0]) {
			t.Fatalf("the first event is %s, want %s", data, ids[0])
		}
		if _, err := eraser.EraseEvent(t.Context(), "acme/shop", ids[0]); err != nil {
			t.Fatal(err)
		}
		tries := 0
		testenv.Until(t, "the erased event is streamed no more", func() bool {
			publish(t, admin) // what is not used for a while goes anyway, and what is many events ago
			if tries++; tries > 500 || tries > 1 && eraser == admin {
				t.Fatal("the erased event is streamed still")
			}
			return strings.Contains(listen(t, a, token, cursor).next("data: "), ids[1])
		})
	})
}

// publish publishes an event of acme/shop and returns its id.
func publish(t *testing.T, c *client.Client) string {
	t.Helper()
	got, err := c.Publish(t.Context(), "acme/shop", client.Publication{Type: "a", Data: 1})
	if err != nil {
		t.Fatal(err)
	}
	return got.ID
}

// listener is a stream of events.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
}

// listen follows acme/shop from a cursor, or from now on.
func listen(t *testing.T, a *app.App, token, cursor string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://"+a.Addr()+"/api/projects/acme/shop/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "text/event-stream")
	if cursor != "" {
		r.Header.Set("Last-Event-ID", cursor)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &listener{t: t, lines: bufio.NewScanner(resp.Body)}
}

// next returns the rest of the next line that begins with a prefix.
func (l *listener) next(prefix string) string {
	l.t.Helper()
	for l.lines.Scan() {
		if text, ok := strings.CutPrefix(l.lines.Text(), prefix); ok {
			return text
		}
	}
	l.t.Fatal("the stream has ended: ", l.lines.Err())
	return ""
}
