// Package curl writes the curl command that sends a request again.
package curl

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// Request is what a command sends.
type Request struct {
	Method, URL string
	Header      http.Header // fields that curl writes itself are left out
	Body        []byte
	Token       string // name of the shell variable whose value is sent as bearer token, or ""
}

// maxArgument is how long an argument of a command may be: Linux allows 128 KiB.
const maxArgument = 100 << 10

// Command returns the command, for a POSIX shell, that sends r: its header and no other, and its body byte for byte.
// Nothing in r can leave its quotes or reach the terminal as a control character: text is an argument, any other body
// goes through a pipe in base64. The command ends in a line feed.
func Command(r Request) string {
	var b strings.Builder
	data := ""
	switch {
	case len(r.Body) == 0 && r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch:
	case isText(r.Body):
		data = " \\\n  --data-raw " + quote(string(r.Body))
	default:
		b.WriteString("printf %s " + quote(base64.StdEncoding.EncodeToString(r.Body)) + " | base64 -d | ")
		data = " \\\n  --data-binary @-"
	}
	b.WriteString("curl -sS -i -X " + word(r.Method) + " " + word(r.URL))
	if r.Method == http.MethodHead {
		b.WriteString(" --head") // or curl waits for a body
	}
	if r.Token != "" {
		b.WriteString(" \\\n  -H \"Authorization: Bearer $" + r.Token + `"`)
	}
	for _, line := range headerLines(r.Header, data != "") {
		b.WriteString(" \\\n  -H " + quote(line))
	}
	return b.String() + data + "\n"
}

// headerLines returns the values of curl's -H, sorted by name: the fields of h, then what keeps curl from adding its
// own.
func headerLines(h http.Header, hasBody bool) []string {
	h = hookyard.ForwardedHeader(h)
	given := map[string]bool{}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		given[http.CanonicalHeaderKey(name)] = true
		for _, v := range h[name] {
			if v == "" {
				lines = append(lines, name+";") // curl's way to send an empty value
			} else {
				lines = append(lines, name+": "+v)
			}
		}
	}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if !given[name] && (name != "Content-Type" || hasBody) {
			lines = append(lines, name+":")
		}
	}
	return lines
}

// isText reports whether a body is fit to be an argument that is read, and pasted into a terminal.
func isText(body []byte) bool {
	if len(body) > maxArgument || !utf8.Valid(body) {
		return false
	}
	for _, r := range string(body) {
		if r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
			return false
		}
	}
	return true
}

// plain are the characters that no POSIX shell gives a meaning.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:="

// word returns s as one word of a POSIX shell, in quotes unless it needs none.
func word(s string) string {
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return quote(s)
}

// quote returns s in the quotes of a POSIX shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
