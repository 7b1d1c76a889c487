package hookyard_test

import (
	"math/big"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestCanonicalNumber(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "0e5": "0", "7": "7", "7.0": "7", "70e-1": "7", "7E+0": "7", "-7.50": "-7.5",
		"1e3": "1000", "0.1": "0.1", "1e-1": "0.1", "100e-3": "0.1", "-0.00120": "-0.0012",
		"9007199254740993":        "9007199254740993",
		"9007199254740993.0":      "9007199254740993",
		"900719925474099300e-2":   "9007199254740993",
		"12345678901234567890123": "12345678901234567890123",
		"1e50":                    "1e50", "100000000000000000000000000000000000000000000000000": "1e50",
		"1e400": "1e400", "10e399": "1e400", "1e-400": "1e-400",
		"1e99999999999999999999": "1e99999999999999999999",
		"":                       "", "x": "", "01": "", "1.": "", ".5": "", "1 ": "",
		"+1": "", "NaN": "", "0x10": "", "1e": "",
	} {
		if got := hookyard.CanonicalNumber(s); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

// FuzzCanonicalNumber holds the form to the value that it has in package math/big, and to being the only one.
func FuzzCanonicalNumber(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "12.340e+2", "1e-40", "5e39", "5e40", "123456789012345678901234567890"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := hookyard.CanonicalNumber(s)
		if got == "" || len(s) > 100 {
			return
		}
		if again := hookyard.CanonicalNumber(got); again != got {
			t.Fatalf("%q is %q, which is %q", s, got, again)
		}
		value, ok := new(big.Rat).SetString(s)
		if !ok { // an exponent that is out of range
			return
		}
		if same, _ := new(big.Rat).SetString(got); same == nil || same.Cmp(value) != 0 {
			t.Fatalf("%q is %q", s, got)
		}
	})
}
