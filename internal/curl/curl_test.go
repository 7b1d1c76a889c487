package curl

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/testenv"
)

func TestWord(t *testing.T) {
	t.Parallel()
	sh := testenv.Program(t, "sh")
	for text, want := range map[string]string{
		"": "''", "plain": "plain", "it's": `'it'\''s'`, "$(x) `y`": "'$(x) `y`'", `'; echo broken; '`: "",
		"$(echo broken) `echo broken` $HOME \\": "", "line\nbreak": "", `"quoted"`: "", "'''": "", "-n": "", "%s": "",
		"~": "", "a*": "", "#": "",
	} {
		got := word(text)
		if want != "" && got != want {
			t.Errorf("word(%q) = %s, want %s", text, got, want)
		}
		out, err := exec.CommandContext(t.Context(), sh, "-c", "printf '%s' "+got).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q became %q, %v", text, out, err)
		}
	}
}

// TestCommand runs commands in a shell and wants the very request to arrive.
func TestCommand(t *testing.T) {
	t.Parallel()
	testenv.Program(t, "curl")
	sh := testenv.Program(t, "sh")
	got := make(chan *http.Request, 1)
	body := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		_ = r.Write(&b)
		_, sent, _ := strings.Cut(b.String(), "\r\n\r\n")
		got <- r
		body <- sent
	}))
	defer s.Close()
	for name, r := range map[string]Request{
		"text":        {Method: "POST", Body: []byte(`{"who": "it's"}`)},
		"as a file":   {Method: "PUT", Body: []byte("@/etc/passwd")},
		"binary":      {Method: "POST", Body: []byte("\x00\xff")},
		"line ends":   {Method: "POST", Body: []byte("a\r\n\x1b[2J")},
		"right left":  {Method: "POST", Body: []byte("a\u202eb")},
		"long":        {Method: "POST", Body: []byte(strings.Repeat("x", 200_000))},
		"empty":       {Method: "POST"},
		"head":        {Method: "HEAD"},
		"get":         {Method: "GET"},
		"with a body": {Method: "DELETE", Body: []byte("why")},
	} {
		r.URL = s.URL + "/in?q='x'&z=$HOME"
		r.Header = http.Header{"X-Empty": {""}, "X-Two": {"it's", "$(two)"}, "Host": {"elsewhere"},
			"Content-Length": {"3"}, "Connection": {"close"}, "Accept-Encoding": {"br"}}
		command := Command(r)
		if strings.ContainsAny(command, "\x00\x1b\r\u202e") {
			t.Errorf("%s: %q has control characters", name, command)
		}
		c := exec.CommandContext(t.Context(), sh)
		c.Stdin = strings.NewReader(command)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		req, sent := <-got, <-body
		if req.Method != r.Method || req.RequestURI != "/in?q='x'&z=$HOME" {
			t.Errorf("%s: %s %s", name, req.Method, req.RequestURI)
		}
		if !strings.HasSuffix(sent, string(r.Body)) || len(r.Body) < 1000 && len(sent) != len(r.Body) {
			t.Errorf("%s: sent %.200q, want %.200q", name, sent, r.Body)
		}
		want := map[string][]string{"X-Empty": {""}, "X-Two": {"it's", "$(two)"}, "Accept": nil, "Content-Type": nil,
			"User-Agent": nil, "Accept-Encoding": nil}
		for field, values := range want {
			if strings.Join(req.Header.Values(field), "|") != strings.Join(values, "|") ||
				len(req.Header.Values(field)) != len(values) {
				t.Errorf("%s: %s is %q, want %q", name, field, req.Header.Values(field), values)
			}
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	got := Command(Request{Method: "POST", URL: "http://localhost/", Token: "HOOKYARD_TOKEN",
		Body: []byte("{}")})
	want := `curl -sS -i -X POST http://localhost/ \
  -H "Authorization: Bearer $HOOKYARD_TOKEN" \
  -H 'Accept:' \
  -H 'Content-Type:' \
  -H 'User-Agent:' \
  --data-raw '{}'
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
