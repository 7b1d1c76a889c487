package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// overIdle is the memory that a server may use on top of what it uses when idle, whatever tenants and senders do.
const overIdle = 150 << 20

// peakSince resets the peak of the resident memory and returns a function that returns the peak since, less the memory
// in use now.
func (s *server) peakSince() func() int64 {
	s.t.Helper()
	return s.peakOver(s.rss())
}

// peakOver is like peakSince for a memory in use that was read before.
func (s *server) peakOver(idle int64) func() int64 {
	s.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.process.Process.Pid), []byte("5"), 0); err != nil {
		s.t.Skip("the peak of a process's memory cannot be read here:", err)
	}
	return func() int64 { return s.status("VmHWM") - idle }
}

// bigJSON returns a JSON document of n bytes that takes many times its size once it is decoded.
func bigJSON(n int) []byte {
	const item = `{"a":1},`
	b := []byte(`{"items":[`)
	b = append(b, bytes.Repeat([]byte(item), (n-len(b)-2)/len(item))...)
	return append(b[:len(b)-1], "]}"...)
}

// TestMemoryOfLargeBodies sends bodies of the largest size to hooks whose formats and filters look into them.
func TestMemoryOfLargeBodies(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	const largest = 25 << 20
	template := client.HookPatch{Format: ptr("template"), Template: ptr("{{len .Body}}")}
	for _, tc := range []struct {
		name  string
		hooks []client.HookPatch
		posts int
		size  int
		most  int64
	}{
		{"six templates", repeat(6, template), 1, largest, overIdle},
		{"formats", func() (all []client.HookPatch) {
			for _, format := range strings.Fields("cloudevents github slack discord teams netbeans webgme yobi text") {
				all = append(all, client.HookPatch{Format: &format})
			}
			return all
		}(), 1, largest, overIdle},
		{"filters", repeat(6, client.HookPatch{Filter: ptr("size(body.items) > 1")}), 3, largest, overIdle},
		{"pairs", repeat(6, client.HookPatch{Filter: ptr("items.3000000.a = 1")}), 3, largest, overIdle},
		{"what is decoded at once", repeat(6, template), 2, 1 << 20, overIdle},
		{"three posts", nil, 3, largest, overIdle},
		{"three posts, raw", repeat(1, client.HookPatch{}), 3, largest, overIdle},
		{"six raw", repeat(6, client.HookPatch{}), 1, largest, overIdle},
		{"twelve posts", nil, 12, largest, overIdle},
	} {
		t.Run(tc.name, func(t *testing.T) {
			y := newYard(t, dev(t), "budget")
			in := y.source("in", "none", "", client.SourcePatch{})
			rc := newReceiver(t, nil)
			for i, h := range tc.hooks {
				h.Schedule = often(1, 0)
				y.hook(fmt.Sprint("h", i), rc.url, h)
			}
			body := bigJSON(tc.size)
			peak := y.s.peakSince()
			replies := make(chan reply, tc.posts)
			for range tc.posts {
				go func() {
					r, _ := askContext(t.Context(), http.MethodPost, in, body, "Content-Type", "application/json")
					replies <- r
				}()
			}
			for range tc.posts {
				if r := <-replies; r.status != 200 && r.status != 503 {
					t.Errorf("%d %s", r.status, r.body)
				}
			}
			for _, e := range y.events() {
				for i := range tc.hooks {
					y.settled(e.ID, fmt.Sprint("h", i))
				}
			}
			n := peak()
			t.Logf("%d MiB over idle", n>>20)
			if n > tc.most {
				t.Errorf("%d MiB over idle, at most %d are allowed", n>>20, tc.most>>20)
			}
		})
	}
}

// TestMemoryOfReaders has many read large events at once, in every way.
func TestMemoryOfReaders(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	const readers, largest = 6, 25 << 20
	for _, database := range []struct {
		name  string
		start func(testing.TB, ...string) *server
	}{{"sqlite", dev}, {"postgres", devPostgres}} {
		t.Run(database.name, func(t *testing.T) {
			y := newYard(t, database.start(t), "readers")
			in := y.source("in", "none", "", client.SourcePatch{})
			idle := y.s.rss()
			for _, size := range []int{largest, largest, 200 << 10, 200 << 10, 1 << 20, 1 << 20} {
				r := ask(t, http.MethodPost, in, bigJSON(size), "Content-Type", "application/json")
				if r.status != 200 {
					t.Fatalf("%d %s", r.status, r.body)
				}
			}
			var last string
			for _, e := range y.events() {
				if e.Size > 20<<20 {
					last = e.ID
				}
			}
			api := y.s.url + "/api/projects/" + y.project
			page := y.s.url + "/" + y.project
			for _, tc := range []struct{ name, url string }{
				{"event", api + "/events/" + last},
				{"body", api + "/events/" + last + "/body"},
				{"explanation", api + "/events/" + last + "/explain"},
				{"search that finds", api + "/events?text=items"},
				{"search in vain", api + "/events?text=nothing"},
				{"search of all projects", y.s.url + "/api/events?find=nothing&in=bodies"},
				{"value in vain", api + "/events?path=items.0.b&value=1"},
				{"page", page + "/events/" + last},
				{"list", page + "/events?text=items"},
			} {
				t.Run(tc.name, func(t *testing.T) {
					peak := y.s.peakOver(idle)
					statuses := make(chan int, readers)
					for range readers {
						go func() { statuses <- drain(t, tc.url) }()
					}
					for range readers {
						if status := <-statuses; status != 200 && status != 503 {
							t.Errorf("%d", status)
						}
					}
					n := peak()
					t.Logf("%d MiB over idle", n>>20)
					if n > overIdle {
						t.Errorf("%d MiB over idle, at most %d are allowed", n>>20, overIdle>>20)
					}
				})
			}
		})
	}
}

// drain reads an answer and returns its status.
func drain(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	return resp.StatusCode
}

func repeat[T any](n int, v T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// settled waits until an event's delivery to a hook is no longer pending. An event that the hook did not want has none.
func (y *yard) settled(event, hook string) {
	y.t.Helper()
	testenv.Until(y.t, "delivery to "+hook, func() bool {
		page, err := y.c.Deliveries(y.t.Context(), y.project, client.DeliveryQuery{Event: event, Hook: hook})
		if err != nil {
			y.t.Fatal(err)
		}
		return len(page.Deliveries) == 0 || page.Deliveries[0].State != hookyard.Pending
	})
}
