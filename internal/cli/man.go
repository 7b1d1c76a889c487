package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newMan(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "man DIR",
		Short: "Write manual pages of all commands into a directory",
		Example: `  hookyard man /usr/local/share/man/man1
  hookyard man . && man ./hookyard-publish.1`,
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return err
		}
		n, err := writeManual(args[0], c.Root())
		if err == nil && !s.quiet {
			_, err = fmt.Fprintf(s.err, "%d pages written to %s\n", n, args[0])
		}
		return err
	}
	return takes(c, 1, 1)
}

// writeManual writes the pages of a command and of those below it, and returns how many there are.
func writeManual(dir string, c *cobra.Command) (int, error) {
	c.InitDefaultHelpFlag()
	if err := os.WriteFile(filepath.Join(dir, manName(c)+".1"), []byte(manPage(c)), 0o644); err != nil {
		return 0, err
	}
	n := 1
	for _, sub := range manCommands(c) {
		below, err := writeManual(dir, sub)
		if err != nil {
			return 0, err
		}
		n += below
	}
	return n, nil
}

// manName is the name of a command's page: hookyard-hook-add.
func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func manCommands(c *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(c.Commands()), func(sub *cobra.Command) bool {
		return !sub.IsAvailableCommand()
	})
}

// manPage returns the page of a command in the macros of man(7). cobra's own generator reads help texts as Markdown,
// which the asterisks and indented lines of ours are not.
func manPage(c *cobra.Command) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	build := readBuild()
	line(`.TH %s 1 "%.10s" "hookyard %s" "hookyard"`, strings.ToUpper(manName(c)), build.Date, roff(build.Version))
	line(".SH NAME\n%s \\- %s", roff(manName(c)), roff(c.Short))
	line(".SH SYNOPSIS\n.B %s", roff(c.UseLine()))
	if len(c.Aliases) > 0 {
		line(".PP\nThe last word can also be %s.", roff(strings.Join(c.Aliases, ", ")))
	}
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	line(".SH DESCRIPTION")
	for i, text := range strings.Split(long, "\n\n") {
		if i > 0 {
			line(".PP")
		}
		manText(line, text, strings.Contains(text, "  "))
	}
	if sub := manCommands(c); len(sub) > 0 {
		line(".SH COMMANDS")
		for _, one := range sub {
			line(".TP\n.BR %s (1)\n%s", roff(manName(one)), roff(one.Short))
		}
	}
	if c.Example != "" {
		line(".SH EXAMPLES")
		manText(line, c.Example, true)
	}
	manFlags(line, "OPTIONS", c.NonInheritedFlags())
	manFlags(line, "GLOBAL OPTIONS", c.InheritedFlags())
	if c.HasParent() {
		line(".SH SEE ALSO\n.BR %s (1)", roff(manName(c.Parent())))
	}
	return b.String()
}

// manText writes a paragraph, or lines as they are.
func manText(line func(format string, args ...any), text string, asIs bool) {
	if asIs {
		line(".EX\n%s\n.EE", roff(strings.Trim(text, "\n")))
	} else {
		line("%s", roff(text))
	}
}

func manFlags(line func(format string, args ...any), title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		line(".SH %s", title)
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && !strings.Contains(usage, "(default ") {
			usage += " (default " + d + ")"
		}
		line(".TP\n.B %s\n%s", roff(name), roff(usage))
	})
}

// roff escapes text for troff: the hyphens of options are not to be broken or made typographic, and no line is a
// request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	lines := strings.Split(text, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], ".") {
			lines[i] = `\&` + lines[i]
		}
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
