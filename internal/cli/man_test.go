package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/internal/testenv"
)

// TestMan writes the manual. Each command has a page that names its options, and troff finds no fault in any.
func TestMan(t *testing.T) {
	t.Parallel()
	groff := testenv.Program(t, "groff")
	root := newRoot(&session{})
	dir := t.TempDir()
	n, err := writeManual(dir, root)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(dir + "/*.1")
	if err != nil || len(pages) != n || n < 60 {
		t.Errorf("%d pages, said to be %d; error %v", len(pages), n, err)
	}
	out, err := exec.CommandContext(t.Context(), groff, append([]string{"-ww", "-z", "-man", "-Tutf8"},
		pages...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		text, err := os.ReadFile(filepath.Join(dir, manName(c)+".1"))
		if err != nil {
			t.Error(err)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(string(text), roff("--"+f.Name)) {
				t.Errorf("the page of %s has no --%s", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range manCommands(c) {
			check(sub)
		}
	}
	check(root)
}
