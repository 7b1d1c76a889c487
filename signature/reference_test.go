package signature

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard/internal/testenv"
)

func TestSchemeInReference(t *testing.T) {
	t.Parallel()
	var want []string
	for f := range reflect.TypeFor[Scheme]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		want = append(want, name)
	}
	told := testenv.DocTable(t, "../docs/reference.md", "Signature schemes")
	slices.Sort(want)
	slices.Sort(told)
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("docs/reference.md (-code +told):\n%s", diff)
	}
}
