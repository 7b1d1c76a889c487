package bin

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

func (b *Bins) curl(w http.ResponseWriter, r *http.Request) error {
	kept, err := b.openRequest(w, r)
	if kept == nil || err != nil {
		return err
	}
	return writeText(w, http.StatusOK, Curl(b.o.BaseURL, kept))
}

// Curl returns the command, for a POSIX shell, that sends a kept request again, byte for byte, to its bin. Nothing in
// the request can leave its quotes.
func Curl(baseURL string, r *hookyard.BinRequest) string {
	var s strings.Builder
	body := ""
	switch {
	case len(r.Body) == 0:
	case utf8.Valid(r.Body) && !slices.Contains(r.Body, 0):
		body = " \\\n  --data-raw " + quote(string(r.Body))
	default: // bytes that no argument can hold
		s.WriteString("printf %s " + quote(base64.StdEncoding.EncodeToString(r.Body)) + " | base64 -d | ")
		body = " \\\n  --data-binary @-"
	}
	s.WriteString("curl -X " + quote(r.Method) + " " + quote(baseURL+"/"+r.Bin+r.Path))
	if r.Method == http.MethodHead {
		s.WriteString(" --head")
	}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if isFraming(name) {
			continue
		}
		for _, v := range r.Header[name] {
			line := name + ": " + v
			if v == "" {
				line = name + ";" // curl's way to send an empty one
			}
			s.WriteString(" \\\n  -H " + quote(line))
		}
	}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} { // what curl would add
		if r.Header[name] == nil && (name != "Content-Type" || body != "") {
			s.WriteString(" \\\n  -H " + quote(name+":"))
		}
	}
	return s.String() + body + "\n"
}

// isFraming says whether a header belongs to the connection that a request came on.
func isFraming(name string) bool {
	switch name {
	case "Host", "Content-Length", "Connection", "Transfer-Encoding", "Accept-Encoding", "Expect", "Te", "Trailer",
		"Upgrade", "Keep-Alive", "Proxy-Connection":
		return true
	}
	return false
}

// quote makes s one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
