package format

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// doc is a place in decoded JSON of unknown shape. What is missing, or is of another kind than asked for, reads as
// nothing: strangers write these bodies.
type doc struct{ v any }

// newDoc decodes JSON; nothing for what is not JSON.
func newDoc(data []byte, ok bool) doc {
	if !ok {
		return doc{}
	}
	return doc{decode(data)}
}

// at goes down a dotted path.
func (d doc) at(path string) doc { return doc{lookup(d.v, path)} }

// text returns a string or a number's digits, the first that is not empty of the paths given; without paths, of d
// itself.
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

// number returns a number digit for digit, or "" when it is none.
func (d doc) number(path string) json.Number {
	n, _ := d.at(path).v.(json.Number)
	return n
}

func (d doc) yes(path string) bool {
	b, _ := d.at(path).v.(bool)
	return b
}

func (d doc) list(path string) []any {
	l, _ := d.at(path).v.([]any)
	return l
}

func (d doc) isObject() bool {
	_, ok := d.v.(map[string]any)
	return ok
}

// person returns the name of whoever stands at one of the paths: as text, or as an object with a login or a name.
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

// absolute makes a path of this server a URL and drops what is not a web address: nobody gets a javascript: link.
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

// clip cuts s to at most n characters; when it cuts, the last of them is an ellipsis. It never splits a character.
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

// oneLine is clip for text to be read in a line: every run of white space is one space, control characters and
// overrides of direction are gone. It reads no more of s than it needs.
func oneLine(s string, n int) string {
	var b strings.Builder
	count, space := 0, false
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
		b.WriteRune(r) // invalid UTF-8 ranges as U+FFFD
	}
	return clip(b.String()+strings.Repeat("…", max(0, min(1, count-n))), n)
}

// firstLine returns the first line of s that is not empty.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(s, " \t\r\n"), "\n")
	return strings.TrimRight(line, " \t\r")
}
