package hookyard

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable reports whether s is valid UTF-8 and consists of visible characters: no control characters, no spaces of
// any width, and no direction overrides, which let one name look like another.
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

// printableText is printable but allows spaces, tabs and line breaks.
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

// Clean returns s fit to be stored and shown even if an attacker wrote it: valid UTF-8 without control characters other
// than line breaks and tabs, truncated to limit bytes.
func Clean(s string, limit int) string {
	if len(s) <= limit && printableText(s) {
		return s
	}
	b := make([]byte, 0, min(len(s), limit))
	for _, r := range s {
		if r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
			r = utf8.RuneError
		}
		if len(b)+utf8.RuneLen(r) > limit {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// CleanLine is [Clean] for text that must stay on one line, such as the value of a header. Line breaks and tabs become
// spaces.
func CleanLine(s string, limit int) string {
	return Clean(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, s), limit)
}

// ValidPath reports whether p is UTF-8 without control characters, as the path of a request must be before it is looked
// up: PostgreSQL fails on other text.
func ValidPath(p string) bool {
	return utf8.ValidString(p) && !strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// HeaderText makes s fit to be the value of a header: control characters, line breaks among them, become spaces, and
// bytes that are not UTF-8 become U+FFFD.
func HeaderText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// Plural returns the English plural of a regular noun: hooks, deliveries, days, pushes.
func Plural(noun string) string {
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(stem, "a") {
		return stem + "ies"
	}
	if strings.HasSuffix(noun, "sh") || strings.HasSuffix(noun, "ch") || strings.HasSuffix(noun, "s") {
		return noun + "es"
	}
	return noun + "s"
}

// Count returns n and the noun in its number: "1 delivery", "2 deliveries".
func Count[N ~int | ~int64](n N, noun string) string {
	if n != 1 {
		noun = Plural(noun)
	}
	return strconv.FormatInt(int64(n), 10) + " " + noun
}

// IsToken reports whether s is a token as RFC 9110, section 5.6.2, defines it: what the name of a header or a method
// can be.
func IsToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		case strings.IndexByte("!#$%&'*+.^_`|~", c) < 0:
			return false
		}
	}
	return s != ""
}
