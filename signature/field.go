package signature

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxName bounds an event type or id taken from a request. A longer text is ignored.
const maxName = 256

// place says where a provider puts a value: alternatives separated by |, each the name of a header or, with a leading
// dot, a path into a JSON body. The first that is not empty wins. For example "X-Event|.event.type".
//
// A place is fit for a delivery's id only if the provider repeats the value on retries and never gives it to another
// event: receivers drop an event whose id they know.
type place string

// find returns the value at the place in r, or "".
func (p place) find(r *Request) string {
	if p == "" {
		return ""
	}
	for where := range strings.SplitSeq(string(p), "|") {
		var s string
		if path, ok := strings.CutPrefix(where, "."); ok {
			s = field(r.Body, path)
		} else {
			s = r.Header.Get(where)
		}
		if s = clean(s); s != "" {
			return s
		}
	}
	return ""
}

// clean returns s without surrounding spaces, or "" when s is too long, not UTF-8 or contains control characters.
func clean(s string) string {
	if len(s) > maxName || !utf8.ValidString(s) {
		return ""
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return ""
		}
	}
	return strings.TrimSpace(s)
}

// field returns the string, number or boolean at a dotted path of a JSON text, such as "event.type" or "events.0.type",
// or "" when there is none. It stops at the first match and allocates only the result, because bodies may be 25 MB and
// mostly have their type near the start. It does not validate the text beyond the match.
func field(b []byte, path string) string {
	s := scanner{b: bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))}
	for name := range strings.SplitSeq(path, ".") {
		if !s.enter(name) {
			return ""
		}
	}
	return s.scalar()
}

// scanner walks through a JSON text; i is the position in b.
type scanner struct {
	b []byte
	i int
}

// next skips white space and returns the byte at the new position, or 0 at the end.
func (s *scanner) next() byte {
	for ; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
		default:
			return s.b[s.i]
		}
	}
	return 0
}

// enter moves from the start of an object or array to the start of its named member.
func (s *scanner) enter(name string) bool {
	switch s.next() {
	case '{':
		s.i++
		return s.member(name)
	case '[':
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 {
			return false
		}
		s.i++
		for ; n > 0; n-- {
			if !s.skip() || s.next() != ',' {
				return false
			}
			s.i++
		}
		return s.next() != ']'
	}
	return false
}

// member moves to the value of the named member of the object that has just been entered.
func (s *scanner) member(name string) bool {
	for s.next() == '"' {
		start := s.i
		if !s.skip() {
			return false
		}
		key := s.b[start+1 : s.i-1]
		if s.next() != ':' {
			return false
		}
		s.i++
		if string(key) == name {
			return true
		}
		if !s.skip() || s.next() != ',' {
			return false
		}
		s.i++
	}
	return false
}

// skip moves past the current value.
func (s *scanner) skip() bool {
	depth := 0
	for {
		switch c := s.next(); c {
		case 0, ',', ':':
			if depth == 0 || c == 0 {
				return false
			}
			s.i++
		case '"':
			if !s.str() {
				return false
			}
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			if depth--; depth < 0 {
				return false
			}
			s.i++
		default:
			s.i += len(s.word())
		}
		if depth == 0 {
			return true
		}
	}
}

// str moves past the current string.
func (s *scanner) str() bool {
	for s.i++; s.i < len(s.b); s.i++ {
		n := bytes.IndexAny(s.b[s.i:], `"\`)
		if n < 0 {
			break
		}
		if s.i += n; s.b[s.i] == '"' {
			s.i++
			return true
		}
		s.i++ // the escaped byte
	}
	s.i = len(s.b)
	return false
}

// word returns the current number or name.
func (s *scanner) word() []byte {
	n := bytes.IndexAny(s.b[s.i:], " \t\r\n,:{}[]\"")
	if n < 0 {
		n = len(s.b) - s.i
	}
	return s.b[s.i : s.i+n]
}

// scalar decodes the current value. It returns "" for an object, an array, null, and what is far too long for a name.
func (s *scanner) scalar() string {
	c := s.next()
	if c != '"' {
		w := s.word()
		if len(w) > maxName || !json.Valid(w) || string(w) == "null" {
			return ""
		}
		return string(w)
	}
	start := s.i
	if !s.str() || s.i-start > 6*maxName+2 { // each character may be written as \u0041
		return ""
	}
	var text string
	if json.Unmarshal(s.b[start:s.i], &text) != nil {
		return ""
	}
	return text
}
