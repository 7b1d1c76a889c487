package hookyard

import (
	"encoding/json"
	"unicode"
	"unicode/utf8"
)

// CheckJSON refuses what is not one JSON value in UTF-8 nested at most depth levels. It looks, but does not decode:
// numbers keep every digit and keys their order. Depth is measured before parsing, so a hostile body costs one scan.
func CheckJSON(b []byte, depth int) error {
	level, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if level++; level > depth {
				return Errorf(Invalid, "JSON is nested deeper than %d levels (setting: --max-json-depth)", depth)
			}
		case c == '}' || c == ']':
			level--
		}
	}
	if !utf8.Valid(b) {
		return Errorf(Invalid, "body is not valid UTF-8")
	}
	if !json.Valid(b) {
		var v json.RawMessage
		err := json.Unmarshal(b, &v)
		return Errorf(Invalid, "not valid JSON: %v", err)
	}
	return nil
}

// AppendJSONString appends s as a JSON string. Unlike encoding/json it leaves <, > and & alone, as receivers who compare
// bytes expect; invalid UTF-8 becomes U+FFFD.
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

// printable says whether s is valid UTF-8 of visible characters only: no control characters, no direction overrides
// (they let one name look like another), no spaces of any width.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

// printableText is printable with spaces, tabs and line breaks allowed.
func printableText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}

// Clean makes text of what strangers control fit to be stored and shown: valid UTF-8 without NUL and other control
// characters, at most max bytes.
func Clean(s string, max int) string {
	if len(s) <= max && printableText(s) {
		return s
	}
	b := make([]byte, 0, min(len(s), max))
	for _, r := range s {
		if r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
			r = utf8.RuneError
		}
		if len(b)+utf8.RuneLen(r) > max {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}
