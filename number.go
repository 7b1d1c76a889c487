package hookyard

import (
	"strconv"
	"strings"
)

// longestPlain is the number of digits up to which [CanonicalNumber] writes a number without an exponent.
const longestPlain = 40

// CanonicalNumber returns the one form of all texts of a JSON number: 7 for 7.0 and 70e-1. Nothing is rounded, whatever
// the number of digits. It returns "" if s is not a JSON number.
func CanonicalNumber(s string) string {
	switch n := scanNumber([]byte(s)); {
	case n == 0 || n != len(s):
		return ""
	case len(s) <= longestPlain && !strings.ContainsAny(s, "-.eE"):
		return s
	}
	rest, negative := strings.CutPrefix(s, "-")
	exponent := 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(rest[i+1:]); err != nil || exponent > 1<<30 || exponent < -1<<30 {
			return s // two numbers as far apart as that are not compared
		}
		rest = rest[:i]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant)
	sign := ""
	if negative {
		sign = "-"
	}
	switch point := len(significant) + exponent; {
	case exponent >= 0 && point <= longestPlain:
		return sign + significant + strings.Repeat("0", exponent)
	case exponent < 0 && point > 0:
		return sign + significant[:point] + "." + significant[point:]
	case exponent < 0 && -exponent <= longestPlain:
		return sign + "0." + strings.Repeat("0", -point) + significant
	}
	return sign + significant + "e" + strconv.Itoa(exponent)
}
