package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/app"
)

// setting is a server option as printed by config show.
type setting struct {
	Name  string     `json:"name"`
	Env   string     `json:"env"`
	Value string     `json:"value"`
	From  app.Origin `json:"from"`
	Help  string     `json:"help"`
}

func newConfig(s *session) *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Show, write and check the server's options"}, newConfigShow(s),
		newConfigInit(s), newConfigCheck(s))
}

func newConfigInit(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "init",
		Short: "Print a configuration file with every option and its default",
		Example: `  hookyard config init > hookyard.yaml
  hookyard serve --config hookyard.yaml`,
	}
	c.RunE = func(*cobra.Command, []string) error { return app.WriteConfig(s.out) }
	return takes(c, 0, 0)
}

func newConfigCheck(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration file",
		Long: `Check a configuration file, together with the variables of the environment, as serve
reads them, and the files that it names. It does not connect: hookyard doctor --config FILE does.`,
		Example: "  hookyard config check hookyard.yaml",
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		config := app.DefaultConfig()
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		config.Flags(fs)
		if err := fs.Set("config", args[0]); err != nil {
			return err
		}
		from, err := s.load(fs)
		if err != nil {
			return err
		}
		if err := config.Complete(); err != nil {
			return usagef("%v", err)
		}
		if err := config.Verify(); err != nil {
			return usagef("%v", err)
		}
		set := 0
		for _, origin := range from {
			if origin == app.FromFile {
				set++
			}
		}
		s.say("%s is valid: it sets %s", args[0], hookyard.Count(set, "option"))
		return nil
	}
	return takes(c, 1, 1)
}

func newConfigShow(s *session) *cobra.Command {
	config := app.DefaultConfig()
	c := &cobra.Command{
		Use:   "show",
		Short: "Print every option, its value and the value's origin",
		Long: `Print every option of serve with its value and the value's origin: a flag, the
environment, the file in --config or the default. It accepts the flags of serve.`,
		Example: `  hookyard config show
  hookyard config show --config hookyard.yaml
  hookyard config show --dev --json`,
	}
	config.Flags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		from, err := s.load(c.LocalNonPersistentFlags())
		if err != nil {
			return err
		}
		if err := config.Complete(); err != nil {
			return usagef("%v", err)
		}
		settings := settingsOf(c.LocalNonPersistentFlags(), from)
		return s.show(settings, func() error {
			var rows [][]string
			for _, o := range settings {
				rows = append(rows, []string{o.Name, o.Value, string(o.From), o.Env})
			}
			return s.list([]string{"OPTION", "VALUE", "FROM", "VARIABLE"}, rows)
		})
	}
	return takes(c, 0, 0)
}

// load sets the options on fs that were not given as flags and returns the origins of those that are not at their
// default.
func (s *session) load(fs *pflag.FlagSet) (map[string]app.Origin, error) {
	from, err := app.Load(fs, s.env)
	var unknown *app.UnknownOptionError
	if errors.As(err, &unknown) {
		return nil, usagef("%v%s", err, didYouMean(nearest(unknown.Known, unknown.Key))).
			then("for the list of options: hookyard config init")
	}
	if err != nil {
		return nil, usagef("%v", err)
	}
	return from, nil
}

// settingsOf lists the options after they were loaded from their origins.
func settingsOf(fs *pflag.FlagSet, from map[string]app.Origin) []setting {
	var out []setting
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		o := setting{Name: f.Name, Env: app.EnvName(f.Name), Value: hookyard.MaskPassword(f.Value.String()),
			From: from[f.Name], Help: f.Usage}
		if app.IsSecret(f) && f.Value.String() != "" {
			o.Value = hookyard.Masked
		}
		if o.From == "" {
			o.From = app.FromDefault
		}
		out = append(out, o)
	})
	return out
}
