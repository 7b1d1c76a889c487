package format

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// doc is a value in decoded JSON of unknown shape. Its methods return zero values for what is missing or of another
// type, because senders may send anything.
type doc struct{ v any }

// newDoc decodes data if it is JSON. Otherwise the doc is empty.
func newDoc(data []byte, ok bool) doc {
	if !ok {
		return doc{}
	}
	return doc{decode(data)}
}

// at returns the value at a dotted path.
func (d doc) at(path string) doc { return doc{lookup(d.v, path)} }

// text returns the first non-empty string or number at one of the paths, or d itself without paths.
func (d doc) text(paths ...string) string {
	for _, p := range paths {
		if s := d.at(p).text(); s != "" {
			return s
		}
	}
	if len(paths) > 0 {
		return ""
	}
	switch v := d.v.(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	}
	return ""
}

// number returns the number at path with all digits, or "".
func (d doc) number(path string) json.Number {
	n, _ := d.at(path).v.(json.Number)
	return n
}

// yes reports whether the value at path is true.
func (d doc) yes(path string) bool {
	b, _ := d.at(path).v.(bool)
	return b
}

// list returns the array at path, or nil.
func (d doc) list(path string) []any {
	l, _ := d.at(path).v.([]any)
	return l
}

func (d doc) isObject() bool {
	_, ok := d.v.(map[string]any)
	return ok
}

// person returns the first name of a person at one of the paths: a string, or an object with a login or a name.
func (d doc) person(paths ...string) string {
	for _, p := range paths {
		at := d.at(p)
		if s := at.text(); s != "" {
			return s
		}
		if s := at.text("login", "username", "name"); s != "" {
			return s
		}
	}
	return ""
}

// absolute returns link as an absolute http or https URL, relative to base, or "": a javascript: link must not reach
// a receiver.
func absolute(base, link string) string {
	if strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "//") {
		link = base + link
	}
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}

// clip truncates s to at most n characters. The last character of a truncated text is an ellipsis.
func clip(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	count := 0
	for i := range s {
		if count++; count == n {
			return s[:i] + "…"
		}
	}
	return s
}

// oneLine is clip for one line of text: it replaces each run of white space by one space and removes control characters
// and direction overrides. It reads no more of s than it needs.
func oneLine(s string, n int) string {
	var b strings.Builder
	count := 0
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			continue
		}
		if count++; count > n {
			break
		}
		if space {
			b.WriteByte(' ')
			count, space = count+1, false
		}
		b.WriteRune(r) // U+FFFD for invalid UTF-8
	}
	return clip(b.String()+strings.Repeat("…", max(0, min(1, count-n))), n)
}

// firstLine returns the first line of s that is not empty.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(s, " \t\r\n"), "\n")
	return strings.TrimRight(line, " \t\r")
}
