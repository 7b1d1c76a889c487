package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
)

// records returns a client of a server that answers each request with status, and the requests it received, without the
// listener's id.
func records(t *testing.T, status func(request string) int) (*client.Client, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var f client.Forwarded
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &f)
		path := strings.Split(r.URL.Path, "/")
		request := strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, strings.Join(path[7:], "/"), f.EventID))
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, strings.Join(strings.Fields(request), " "))
		switch code := status(asked[len(asked)-1]); {
		case code == http.StatusOK && r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "{}")
		}
	}))
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(asked)
	}
}

// TestRecorder checks the requests for various responses of the server, and that there is at most one warning.
func TestRecorder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status func() func(string) int
		asked  string
		warned int
	}{
		{"records", func() func(string) int { return func(string) int { return 200 } },
			"[PUT POST attempts e1 POST attempts e2 DELETE]", 0},
		{"server without listeners", func() func(string) int { return func(string) int { return 404 } }, "[PUT]", 0},
		{"forbidden", func() func(string) int { return func(string) int { return 403 } },
			"[PUT POST attempts e1 POST attempts e2 DELETE]", 1},
		{"expired listener", func() func(string) int {
			first := true
			return func(request string) int {
				if strings.HasPrefix(request, "POST") && first {
					first = false
					return 404
				}
				return 200
			}
		}, "[PUT POST attempts e1 PUT POST attempts e1 POST attempts e2 DELETE]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl, asked := records(t, c.status())
			warned := 0
			r := startRecorder(t.Context(), cl, "o/p", "http://localhost:3000/", func(string) { warned++ })
			r.add(client.Forwarded{EventID: "e1"})
			r.add(client.Forwarded{EventID: "e2"})
			r.stop()
			if got := fmt.Sprint(asked()); got != c.asked || warned != c.warned {
				t.Errorf("asked %s with %d warnings, want %s with %d", got, warned, c.asked, c.warned)
			}
		})
	}
}

// A server that is down does not delay the forwarding after the first failure, nor the end of the command for longer
// than the grace period.
func TestRecorderGivesUp(t *testing.T) {
	t.Parallel()
	cl, err := client.New("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	warned := make(chan string, 10)
	r := startRecorder(t.Context(), cl, "o/p", "http://localhost:3000/", func(text string) { warned <- text })
	if text := <-warned; !strings.Contains(text, "does not record") {
		t.Errorf("warned %q", text)
	}
	start := time.Now()
	for range 1000 {
		r.add(client.Forwarded{EventID: "e"})
	}
	r.stop()
	if took := time.Since(start); took > recordTimeout || len(warned) != 0 {
		t.Errorf("took %s, with %d more warnings", took, len(warned))
	}
}

func TestForwardedOf(t *testing.T) {
	t.Parallel()
	header := http.Header{"Authorization": {"Bearer x"}, "X-A": {"1"}}
	f := forwardedOf("e1", header, time.Now(),
		&answered{Status: 200, Text: "ok", Header: http.Header{"Set-Cookie": {"s"}}, truncated: true,
			took: time.Second})
	got := fmt.Sprintln(f.Status, f.Request.Header, f.Response.Header, string(f.Response.Base64), f.Response.Truncated,
		time.Duration(f.Duration))
	if want := "200 map[Authorization:[***] X-A:[1]] map[Set-Cookie:[***]] ok true 1s\n"; got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
	if f := forwardedOf("e1", header, time.Now(), &answered{Error: "connection refused"}); f.Response != nil ||
		f.Error == "" {
		t.Errorf("recorded %+v, want no response", f)
	}
}
