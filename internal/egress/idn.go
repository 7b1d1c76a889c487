package egress

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// asciiHost returns a host name in lower case, international labels as xn--. It is stricter than DNS asks for: letters,
// digits, hyphen and underscore, in labels of at most 63 bytes. Unicode's look-alikes of digits and dots are refused:
// idna maps them to ASCII, and a name must not become an address.
func asciiHost(host string) (string, bool) {
	if host == "" || len(host) > 1000 || !utf8.ValidString(host) {
		return "", false
	}
	name := strings.ToLower(host)
	if !isASCII(name) {
		for _, r := range name {
			if r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsMark(r) {
				return "", false
			}
		}
		var err error
		if name, err = toASCII(name); err != nil {
			return "", false
		}
	}
	return name, isHostName(name)
}

// toASCII encodes a name as browsers look it up (UTS 46), but allows underscores.
func toASCII(name string) (string, error) {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false)).ToASCII(name)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	length := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.':
			if length == 0 {
				return false
			}
			length = 0
			continue
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			length++
		default:
			return false
		}
		if length > 63 {
			return false
		}
	}
	return length > 0
}
