package hookyard_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/testenv"
)

func TestPresetsInReference(t *testing.T) {
	t.Parallel()
	told := testenv.DocTable(t, "docs/reference.md", "Presets")
	slices.Sort(told)
	if want := slices.Sorted(maps.Keys(hookyard.Presets())); !slices.Equal(told, want) {
		t.Errorf("docs/reference.md has %v, the code %v", told, want)
	}
}
