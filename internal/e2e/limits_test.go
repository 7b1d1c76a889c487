package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestLimits exceeds every limit by one: the response is a 4xx that names the limit and the option.
func TestLimits(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t, "--max-hooks", "3", "--max-batch", "5"), "limits")
	base := y.s.url + "/api/projects/" + y.project
	in := y.source("in", "none", "", client.SourcePatch{})
	y.hook("h", "http://127.0.0.1:9/", client.HookPatch{Active: ptr(false)})
	long := func(n int) string { return strings.Repeat("x", n) }
	headers := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"X-%d": "1"`, i))
		}
		return strings.Join(all, ",")
	}
	for _, tc := range []struct {
		name, method, url, body string
		status                  int
		says                    []string
	}{
		{"url", "PATCH", base + "/hooks/h", `{"url":"http://127.0.0.1/` + long(2001-17) + `"}`, 400,
			[]string{"2001", "2000", "--max-url"}},
		{"secret", "PATCH", base + "/hooks/h", `{"secret":"` + long(251) + `"}`, 400,
			[]string{"251", "250", "--max-secret"}},
		{"secret by rotation", "POST", base + "/hooks/h/rotate-secret", `{"secret":"` + long(251) + `"}`, 400,
			[]string{"250", "--max-secret"}},
		{"secret of a source", "PUT", base + "/sources/s", `{"type":"github","secret":"` + long(251) + `"}`, 400,
			[]string{"250", "--max-secret"}},
		{"description", "PATCH", base + "/hooks/h", `{"description":"` + long(1001) + `"}`, 400,
			[]string{"1001", "1000", "--max-description"}},
		{"description of a source", "PUT", base + "/sources/s", `{"type":"none","description":"` + long(1001) + `"}`,
			400, []string{"1000", "--max-description"}},
		{"description of a project", "PATCH", base, `{"description":"` + long(1001) + `"}`, 400,
			[]string{"1000", "--max-description"}},
		{"headers", "PATCH", base + "/hooks/h", `{"headers":{` + headers(21) + `}}`, 400,
			[]string{"21", "20", "--max-headers"}},
		{"timeout", "PATCH", base + "/hooks/h", `{"timeout":"121s"}`, 400, []string{"2m", "--max-timeout"}},
		{"event type", "POST", base + "/events", `{"type":"` + long(201) + `","data":1}`, 400,
			[]string{"201", "200", "--max-event-type"}},
		{"event type of a hook", "PATCH", base + "/hooks/h", `{"events":["` + long(201) + `"]}`, 400,
			[]string{"201", "200", "--max-event-type"}},
		{"event type of a source", "PUT", base + "/sources/s", `{"type":"none","eventType":"` + long(201) + `"}`, 400,
			[]string{"201", "200", "--max-event-type"}},
		{"event type of a catalogue", "PATCH", base, `{"eventTypes":["` + long(201) + `"]}`, 400,
			[]string{"200", "--max-event-type"}},
		{"event id", "POST", base + "/events", `{"type":"a","id":"` + long(201) + `","data":1}`, 400,
			[]string{"201", "200", "--max-event-type"}},
		{"depth", "POST", base + "/events", `{"type":"a","data":` + strings.Repeat("[", 1001) +
			strings.Repeat("]", 1001) + `}`, 400, []string{"1000", "--max-json-depth"}},
		{"great depth", "POST", base + "/events", `{"type":"a","data":` + strings.Repeat(`[{"a":`, 1<<20), 400,
			[]string{"1000", "--max-json-depth"}},
		{"depth of a batch", "POST", base + "/events", `[{"type":"a","data":` + strings.Repeat("[", 1001) +
			strings.Repeat("]", 1001) + `}]`, 400, []string{"1000", "--max-json-depth"}},
		{"batch", "POST", base + "/events", `[` + strings.Repeat(`{"type":"a","data":1},`, 5) +
			`{"type":"a","data":1}]`, 413, []string{"5", "--max-batch"}},
		{"body", "POST", base + "/events", `{"type":"a","data":"` + long(25<<20) + `"}`, 413,
			[]string{"26214400", "--max-body"}},
		{"body of a source", "POST", in, long(25<<20 + 1), 413, []string{"26214400", "--max-body"}},
		{"settings", "PATCH", base + "/hooks/h", `{"description":"` + long(1<<20) + `"}`, 413, []string{"1048576"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := ask(t, tc.method, tc.url, []byte(tc.body), "Content-Type", "application/json")
			if r.status != tc.status {
				t.Fatalf("%d %.300s, want %d", r.status, r.body, tc.status)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.body, want) {
					t.Errorf("%.300s does not say %q", r.body, want)
				}
			}
		})
	}
	t.Run("hooks", func(t *testing.T) {
		for i := range 2 {
			y.hook(fmt.Sprint("more", i), "http://127.0.0.1:9/", client.HookPatch{Active: ptr(false)})
		}
		r := ask(t, http.MethodPut, base+"/hooks/toomany", []byte(`{"url":"http://127.0.0.1:9/"}`))
		if r.status/100 != 4 || !strings.Contains(r.body, "3") || !strings.Contains(r.body, "--max-hooks") {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
	t.Run("body without a length", func(t *testing.T) {
		resp, err := http.Post(in, "text/plain", io.LimitReader(endlessX{}, 25<<20+1))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if b, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusRequestEntityTooLarge ||
			!bytes.Contains(b, []byte("--max-body")) {
			t.Errorf("%d %s %v", resp.StatusCode, b, err)
		}
	})
	if n := len(y.events()); n != 0 {
		t.Errorf("%d events were kept", n)
	}
}

// endlessX is an endless body.
type endlessX struct{}

func (endlessX) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestAtTheLimit: an event of the maximum size is delivered.
func TestAtTheLimit(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "at-limit")
	in := y.source("in", "none", "", client.SourcePatch{})
	rc := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) int {
		_, _ = w.Write(bytes.Repeat([]byte("y"), 65<<10))
		return http.StatusOK
	})
	y.hook("h", rc.url, client.HookPatch{})
	body := bytes.Repeat([]byte("x"), 25<<20)
	id := ask(t, http.MethodPost, in, body).id(t)
	if got := rc.wait(t, 1)[0]; !bytes.Equal(got.body, body) {
		t.Errorf("%d bytes arrived", len(got.body))
	}
	if a := y.ended(id, "h", hookyard.Delivered).History[0]; a.Response.Size != 64<<10 || !a.Response.Truncated {
		t.Errorf("%d bytes of the answer are kept, truncated: %v", a.Response.Size, a.Response.Truncated)
	}
	data := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	y.publish(strings.Repeat("t", 200), data)
	if got := rc.wait(t, 2)[1]; !bytes.Contains(got.body, []byte(data)) {
		t.Errorf("deep JSON arrived as %.100s", got.body)
	}
}

// TestMemory sends many large bodies at once. The process must not use much memory, during the test or afterwards.
func TestMemory(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "memory")
	in := y.source("in", "github", "s3cret", client.SourcePatch{})
	base := y.s.url + "/api/projects/" + y.project + "/events"
	big := bytes.Repeat([]byte(`[{"a":`), 4<<20)
	most := int64(0)
	for _, body := range [][]byte{big, big[:20<<20], append([]byte(`{"type":"a","data":`), big[:20<<20]...)} {
		done := make(chan reply, 6)
		for i := range cap(done) {
			go func() {
				// the error is ignored: an early 413 may interrupt the request
				r, _ := askContext(t.Context(), http.MethodPost, []string{base, in}[i%2], body)
				done <- r
			}()
		}
		for range cap(done) {
			if r := <-done; r.status >= 500 {
				t.Errorf("%d %s", r.status, r.body)
			}
			most = max(most, y.s.rss())
		}
	}
	pause(t.Context(), 2*time.Second) // the runtime returns memory with a delay
	rss := y.s.rss()
	t.Logf("%d MiB at most, %d MiB afterwards", most>>20, rss>>20)
	if !raceEnabled && (rss > 300<<20 || most > 400<<20) {
		t.Errorf("%d MiB of memory, %d MiB at most", rss>>20, most>>20)
	}
	if n := len(y.events()); n != 0 {
		t.Errorf("%d events were kept", n)
	}
}
