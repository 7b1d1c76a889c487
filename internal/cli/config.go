package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/app"
)

// setting is a server option as printed by config show.
type setting struct {
	Name  string `json:"name"`
	Env   string `json:"env"`
	Value string `json:"value"`
	From  string `json:"from"` // flag, env or default
	Help  string `json:"help"`
}

func newConfig(s *session) *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Show the server's options"}, newConfigShow(s))
}

func newConfigShow(s *session) *cobra.Command {
	config := app.DefaultConfig()
	c := &cobra.Command{
		Use:   "show",
		Short: "Print every option, its value and the value's origin",
		Long: `Print every option of serve with its value and the value's origin: a flag, the
environment or the default. It accepts the flags of serve.`,
		Example: `  hookyard config show
  hookyard config show --dev --json`,
	}
	config.Flags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		from := map[string]string{}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Changed {
				from[f.Name] = "flag"
			}
		})
		if err := app.Env(c.LocalNonPersistentFlags(), s.env); err != nil {
			return usagef("%v", err)
		}
		if err := config.Complete(); err != nil {
			return usagef("%v", err)
		}
		settings := settingsOf(c.LocalNonPersistentFlags(), from)
		return s.show(settings, func() error {
			var rows [][]string
			for _, o := range settings {
				rows = append(rows, []string{o.Name, o.Value, o.From, o.Env})
			}
			return s.list([]string{"OPTION", "VALUE", "FROM", "VARIABLE"}, rows)
		})
	}
	return takes(c, 0, 0)
}

// settingsOf lists the options after the environment has been applied. from names those that were set by a flag.
func settingsOf(fs *pflag.FlagSet, from map[string]string) []setting {
	var out []setting
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		o := setting{Name: f.Name, Env: app.EnvName(f.Name), Value: hookyard.MaskPassword(f.Value.String()),
			From: from[f.Name], Help: f.Usage}
		isSecret := strings.HasSuffix(f.Name, "-secret") || strings.HasSuffix(f.Name, "-token")
		if isSecret && f.Value.String() != "" && f.Value.Type() == "string" {
			o.Value = hookyard.Masked
		}
		if o.From == "" && f.Changed {
			o.From = "env"
		}
		if o.From == "" {
			o.From = "default"
		}
		out = append(out, o)
	})
	return out
}
