package hookyard_test

import (
	"testing"

	"github.com/hookyard/hookyard"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"1 attempt":    hookyard.Count(1, "attempt"),
		"0 attempts":   hookyard.Count(0, "attempt"),
		"2 deliveries": hookyard.Count(int64(2), "delivery"),
		"5 days":       hookyard.Count(5, "day"),
		"3 pushes":     hookyard.Count(3, "push"),
		"4 searches":   hookyard.Count(4, "search"),
		"5 addresses":  hookyard.Count(5, "address"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestIsToken(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"": false, "X-Own": true, "!#$%&'*+-.^_`|~09azAZ": true, "a b": false,
		"a:b": false, "a\n": false, "é": false, "a(b)": false, "a/b": false, "a\x7f": false, `"a"`: false} {
		if got := hookyard.IsToken(s); got != want {
			t.Errorf("IsToken(%q) = %v", s, got)
		}
	}
}

func TestFormJSON(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		"payload=%7B%22a%22%3A1%7D":   `{"a":1}`,
		"data=%5B1%5D&x=y":            "[1]",
		"payload=text&data=1":         "1",
		"payload=%22%FF%22&data=true": "true",
		"payload=text":                "",
		"x=y":                         "",
		"payload=%zz":                 "",
	} {
		if got := string(hookyard.FormJSON(hookyard.TypeForm, []byte(form))); got != want {
			t.Errorf("FormJSON(%q) = %q, want %q", form, got, want)
		}
	}
}

func TestConnectionHeaders(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]bool{
		"Connection": {true, true}, "te": {true, true}, "TRANSFER-ENCODING": {true, true}, "Host": {false, true},
		"expect": {false, true}, "Proxy-Authorization": {false, true}, "Authorization": {false, false},
		"Content-Type": {false, false}, "": {false, false},
	} {
		if hop, framing := hookyard.IsHopByHop(name), hookyard.IsFraming(name); hop != want[0] || framing != want[1] {
			t.Errorf("%q: hop-by-hop %v, framing %v; want %v", name, hop, framing, want)
		}
	}
}
