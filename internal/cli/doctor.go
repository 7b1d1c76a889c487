package cli

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard/internal/app"
)

func newDoctor(s *session) *cobra.Command {
	config := app.DefaultConfig()
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check what the server depends on, and say what to do",
		Long: `Check what a server with these options depends on: the database and its commits,
the clocks, the key, the disk, DNS, the way to receivers, the port and the base
URL. It accepts the options of serve. Run it on the server's machine as
the server's user, before a start or while the server runs: it changes nothing.

The exit code is 1 if a check failed; a warning leaves it at 0.`,
		Example: `  hookyard doctor --database postgres://hookyard@db/hookyard
  hookyard doctor --reach https://hooks.internal.example.com/
  hookyard doctor --json`,
	}
	config.Flags(c.Flags())
	var reach string
	c.Flags().StringVar(&reach, "reach", app.DefaultReach,
		"URL that DNS and the way to receivers are tried with, by a HEAD request; empty skips them")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if _, err := s.load(c.LocalNonPersistentFlags()); err != nil {
			return err
		}
		if err := config.Complete(); err != nil {
			return usagef("%v", err)
		}
		checks := []app.Check{{Name: "options", Status: app.OK, Found: "valid"}}
		if err := config.Verify(); err != nil {
			checks[0] = app.Check{Name: "options", Status: app.Fail, Found: err.Error(),
				Advice: "correct this option: the server does not start with it"}
		}
		for _, name := range app.StrayEnv(c.LocalNonPersistentFlags(), os.Environ()) {
			checks = append(checks, app.Check{Name: "options", Status: app.Warn,
				Found: "the variable " + name + " has no effect", Advice: "hookyard config show lists the valid ones"})
		}
		checks = append(checks, app.Diagnose(c.Context(), config, readBuild().Version, reach)...)
		if err := s.show(checks, func() error { return s.printChecks(checks) }); err != nil {
			return err
		}
		failed := func(c app.Check) bool { return c.Status == app.Fail }
		if slices.ContainsFunc(checks, failed) {
			return failf(exitFailed, "the server cannot work like this: see what failed")
		}
		return nil
	}
	return takes(c, 0, 0)
}

func (s *session) printChecks(checks []app.Check) error {
	colors := map[app.Status]string{app.OK: green, app.Warn: yellow, app.Fail: red}
	for _, c := range checks {
		if err := s.println("%s%s  %-9s  %s", s.paint(colors[c.Status], string(c.Status)),
			painted("    "[len(c.Status):]), c.Name, c.Found); err != nil {
			return err
		}
		if c.Advice != "" {
			if err := s.println("      %-9s  → %s", "", c.Advice); err != nil {
				return err
			}
		}
	}
	return nil
}
