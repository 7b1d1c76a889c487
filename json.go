package hookyard

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// CheckJSON returns an [Invalid] error unless b is one JSON value (RFC 8259) in UTF-8, nested at most depth levels. It
// scans b once and decodes nothing, so a hostile body costs one scan.
func CheckJSON(b []byte, depth int) error { return CheckJSONFrom(b, 0, depth) }

// CheckJSONFrom is [CheckJSON] for b[from:], except that positions in errors count from the start of b.
func CheckJSONFrom(b []byte, from, depth int) error {
	if at, what := scanJSON(b[from:], depth); what != "" {
		return Errorf(Invalid, "not valid JSON: %s at byte %d", what, from+at+1)
	} else if at == tooDeep {
		return Errorf(Invalid, "JSON is nested deeper than %d levels (setting: --max-json-depth)", depth)
	}
	if !utf8.Valid(b[from:]) {
		return Errorf(Invalid, "body is not valid UTF-8")
	}
	return nil
}

// tooDeep is the position that scanJSON returns for JSON that is nested too deeply.
const tooDeep = -1

// scanJSON returns where b is wrong and why, or "" for what. It exists because every event passes it: encoding/json
// reads each byte three times for the same check, which was the largest single cost per event.
func scanJSON(b []byte, depth int) (at int, what string) {
	var buf [64]byte
	open := buf[:0] // the open brackets: '{' or '['
	i := 0
	for {
		// A value begins here.
		i = SkipJSONSpace(b, i)
		if i == len(b) {
			return i, "a value is missing"
		}
		switch c := b[i]; {
		case c == '{' || c == '[':
			if len(open) == depth {
				return tooDeep, ""
			}
			open = append(open, c)
			i = SkipJSONSpace(b, i+1)
			if i < len(b) && b[i] == c+2 { // ']' is '['+2, '}' is '{'+2
				break // empty: closed below
			}
			if c == '[' {
				continue
			}
			if i, what = scanKey(b, i); what != "" {
				return i, what
			}
			continue
		case c == '"':
			if i = scanString(b, i); i < 0 {
				return len(b), "a string does not end, or holds a control character or a wrong escape"
			}
		case c == 't' || c == 'f' || c == 'n':
			n := literal(b[i:])
			if n == 0 {
				return i, "an unknown word"
			}
			i += n
		default:
			n := scanNumber(b[i:])
			if n == 0 {
				return i, "an unexpected character"
			}
			i += n
		}
		// A value has ended. Close brackets until another value begins.
		for more := false; !more; {
			i = SkipJSONSpace(b, i)
			if len(open) == 0 {
				if i < len(b) {
					return i, "something follows the value"
				}
				return i, ""
			}
			top := open[len(open)-1]
			switch {
			case i == len(b):
				return i, "the end is missing"
			case b[i] == top+2:
				open = open[:len(open)-1]
				i++
			case b[i] == ',' && top == '[':
				i++
				more = true
			case b[i] == ',':
				if i, what = scanKey(b, SkipJSONSpace(b, i+1)); what != "" {
					return i, what
				}
				more = true
			default:
				return i, "a comma or a closing bracket is missing"
			}
		}
	}
}

// scanKey scans a name and its colon.
func scanKey(b []byte, i int) (at int, what string) {
	if i == len(b) || b[i] != '"' {
		return i, "a name in quotes is missing"
	}
	end := scanString(b, i)
	if end < 0 {
		return i, "a name does not end, or holds a control character or a wrong escape"
	}
	if i = SkipJSONSpace(b, end); i == len(b) || b[i] != ':' {
		return i, "a colon is missing"
	}
	return i + 1, ""
}

// skipJSONSpace returns the position of the first byte from i on that is not white space.
// scanString returns where the string that begins at i ends, or -1.
func scanString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < 0x20:
			return -1
		case c == '\\':
			if i++; i == len(b) {
				return -1
			}
			if b[i] == 'u' {
				for range 4 {
					if i++; i == len(b) || !isHex(b[i]) {
						return -1
					}
				}
			} else if strings.IndexByte("\"\\/bfnrt", b[i]) < 0 {
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// literal returns the length of true, false or null at the start of b, or 0.
func literal(b []byte) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(b) >= len(word) && string(b[:len(word)]) == word {
			return len(word)
		}
	}
	return 0
}

// scanNumber returns the length of the number at the start of b, or 0.
func scanNumber(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// EncodeJSON encodes v as JSON. Unlike [json.Marshal] it does not escape <, > and &: published data arrives unchanged,
// and some receivers compare bytes.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// AppendJSONString appends s to b as a JSON string. Unlike encoding/json it does not escape <, > and &, because some
// receivers compare bytes. Invalid UTF-8 becomes U+FFFD.
func AppendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
