package gitpush

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
)

// FuzzLines formats every accepted line again.
func FuzzLines(f *testing.F) {
	one := strings.Repeat("1", 40)
	for _, s := range []string{
		"", "\n", "x", zeros + " " + one + " refs/heads/main\n", zeros + " " + one + " refs/heads/main",
		one + " " + zeros + " refs/tags/v1\n",
		zeros + " " + zeros + " refs/heads/x\n", strings.Repeat("a", 64) + " " + strings.Repeat("0", 64) +
			" refs/heads/물감\n",
		one + "  refs/heads/x\n", one + " " + one + " refs/heads/a b\n", one + " " + one + " HEAD\n",
		one + " " + one + " refs/heads/\xff\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		updates, total, err := parseLines(strings.NewReader(in))
		if err != nil {
			return
		}
		if len(updates) > total || total > strings.Count(in, "\n")+1 {
			t.Fatalf("%d updates, %d in all", len(updates), total)
		}
		for _, u := range updates {
			if !strings.Contains(in, fmt.Sprintf("%s %s %s", u.before, u.after, u.ref)) || u.created() && u.deleted() {
				t.Fatalf("%+v is not in %q", u, in)
			}
			if len(u.before) < 40 || strings.ContainsAny(u.ref, " \n\x00") { // later code relies on it
				t.Fatalf("%+v", u)
			}
		}
	})
}

// FuzzToken compares token with splitting the input.
func FuzzToken(f *testing.F) {
	f.Add("a\x00b\x00", 10)
	f.Add("a\x00\x00b", 1)
	f.Add(strings.Repeat("x", 40)+"\x00", 20)
	f.Fuzz(func(t *testing.T, in string, max int) {
		if max < 0 || max > 1000 {
			return
		}
		var want []string
		for word := range strings.SplitSeq(strings.TrimSuffix(in, "\x00"), "\x00") {
			want = append(want, word[:min(len(word), max)])
		}
		if in == "" {
			want = nil
		}
		r := bufio.NewReaderSize(strings.NewReader(in), 16)
		for i := 0; ; i++ {
			got, err := token(r, max)
			if err == io.EOF {
				if i != len(want) {
					t.Fatalf("%d words of %d", i, len(want))
				}
				return
			}
			if err != nil || i >= len(want) || got != want[i] {
				t.Fatalf("word %d is %q, %v; want %q", i, got, err, want)
			}
		}
	})
}
