package cli

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzAsTest checks that Go reads the file of event show --as-test back: method, path, headers and bytes.
func FuzzAsTest(f *testing.F) {
	f.Add("POST", "/in/o/p/s?x=1", "application/json", "{\"a\": 1}\r\n\r\n")
	f.Add("PUT", "/", "", "")
	f.Add("DELETE", "/a b", "text/plain; charset=\"x\"", "\x00\xff\nHost: evil")
	f.Fuzz(func(t *testing.T, method, path, value, body string) {
		if strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || method == "" ||
			strings.ContainsAny(value, "\r\n\x00") || value != strings.TrimSpace(value) {
			t.Skip("no server accepts this")
		}
		for i := range len(value) {
			if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
				t.Skip("no server accepts this")
			}
		}
		r := &request{eventID: "evt_1", method: method, url: "http://localhost:3000" + path,
			header: http.Header{"X-Value": {value}}, body: []byte(body)}
		var file bytes.Buffer
		if r.writeTest(&file) != nil {
			t.Skip("no URL")
		}
		got, err := http.ReadRequest(bufio.NewReader(&file))
		if err != nil {
			t.Fatalf("the file cannot be read: %v", err)
		}
		b, err := io.ReadAll(got.Body)
		if err != nil || string(b) != body || got.Method != method || got.Header.Get("X-Value") != value ||
			got.Header.Get("X-Hookyard-Event") != "evt_1" {
			t.Errorf("read %s %v %q, %v", got.Method, got.Header, b, err)
		}
	})
}

func TestCurlKeepsBytes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body, want string
	}{
		"text":         {`{"who": "it's"}`, `--data-raw '{"who": "it'\''s"}'`},
		"looks like @": {"@/etc/passwd", "--data-raw '@/etc/passwd'"},
		"binary":       {"\x00\xff", "printf %s 'AP8=' | base64 -d | curl"},
		"CRLF":         {"a\r\n", "base64 -d"},
		"empty":        {"", "--data-raw ''"},
	} {
		var out bytes.Buffer
		r := &request{method: "POST", url: "http://localhost/", header: http.Header{"X-Empty": {""}, "Accept": {"*/*"}},
			body: []byte(tt.body)}
		if err := r.writeCurl(&out); err != nil || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: %s lacks %s", name, out.String(), tt.want)
		}
		for _, want := range []string{"-H 'X-Empty;'", "-H 'Content-Type:'", "-H 'User-Agent:'", "-H 'Accept: */*'"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %s lacks %s", name, out.String(), want)
			}
		}
	}
}
