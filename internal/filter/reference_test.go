package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard/internal/testenv"
)

// TestReference holds the variables that the reference tells against those of the environment, and compiles its
// expressions.
func TestReference(t *testing.T) {
	t.Parallel()
	var told []string
	n := 0
	for _, text := range testenv.DocTable(t, "../../docs/reference.md", "Filters in CEL") {
		if !strings.ContainsAny(text, " (") {
			told = append(told, text)
			continue
		}
		n++
		if _, err := compileCEL(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	slices.Sort(told)
	if diff := cmp.Diff(variableNames(), told); diff != "" {
		t.Errorf("variables (-code +told):\n%s", diff)
	}
	if n < 10 {
		t.Errorf("%d expressions", n)
	}
}
