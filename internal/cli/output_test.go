package cli

import (
	"slices"
	"testing"
)

func TestCutColumns(t *testing.T) {
	t.Parallel()
	const long = "https://billing.example.com/a/long/way/down"
	rows := func() [][]string {
		return [][]string{{"billing-of-the-whole-shop", "active", long, "-"},
			{"b", "off", "http://b", "what it is for"}}
	}
	for _, c := range []struct {
		over  int
		first []string
	}{
		{1, []string{"billing-of-the-whole-shop", "active", long, "-"}}, // the description has room
		{12, []string{"billing-of-the-whole-shop", "active", "https://billing.example.com/a/lo…", "-"}},
		{1000, []string{"billing-of-the-whole-shop", "active", "https://bil…", "-"}},
	} {
		if got := cutColumns(rows(), c.over); !slices.Equal(got[0], c.first) {
			t.Errorf("cut by %d: %q, want %q", c.over, got[0], c.first)
		}
	}
}
