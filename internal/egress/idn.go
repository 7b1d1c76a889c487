package egress

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// asciiHost returns a host name in lower case, international labels as xn--. It is stricter than DNS asks for: letters,
// digits, hyphen and underscore, in labels of at most 63 bytes. Unicode's look-alikes of digits and dots are refused,
// since some software maps them to an address.
func asciiHost(host string) (string, bool) {
	if host == "" || len(host) > 1000 {
		return "", false
	}
	name := strings.ToLower(host)
	if !isASCII(name) {
		labels := strings.Split(name, ".")
		for i, l := range labels {
			a, ok := asciiLabel(l)
			if !ok {
				return "", false
			}
			labels[i] = a
		}
		name = strings.Join(labels, ".")
	}
	return name, isHostName(name)
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

func asciiLabel(label string) (string, bool) {
	if isASCII(label) {
		return label, true
	}
	if len(label) > 63*utf8.UTFMax || !utf8.ValidString(label) {
		return "", false
	}
	for _, r := range label {
		if r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsMark(r) {
			return "", false
		}
	}
	return "xn--" + punycode([]rune(label)), true
}

// punycode encodes a label as RFC 3492 section 6.3 says, whose names it keeps.
func punycode(label []rune) string {
	const (
		base = 36
		tMin = 1
		tMax = 26
		skew = 38
		damp = 700
	)
	digit := func(d int) byte {
		if d < 26 {
			return byte('a' + d)
		}
		return byte('0' + d - 26)
	}
	var out []byte
	for _, r := range label {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
		}
	}
	basic := len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n := rune(utf8.RuneSelf)
	delta, bias := 0, 72
	for handled := basic; handled < len(label); {
		next := rune(unicode.MaxRune)
		for _, r := range label {
			if r >= n {
				next = min(next, r)
			}
		}
		delta += int(next-n) * (handled + 1)
		n = next
		for _, r := range label {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := base; ; k += base {
				t := min(max(k-bias, tMin), tMax)
				if q < t {
					break
				}
				out = append(out, digit(t+(q-t)%(base-t)))
				q = (q - t) / (base - t)
			}
			out = append(out, digit(q))
			d := delta / 2
			if handled == basic {
				d = delta / damp
			}
			d += d / (handled + 1)
			k := 0
			for ; d > (base-tMin)*tMax/2; k += base {
				d /= base - tMin
			}
			bias = k + (base-tMin+1)*d/(d+skew)
			delta = 0
			handled++
		}
		delta++
		n++
	}
	return string(out)
}
