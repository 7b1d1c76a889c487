package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/app"
)

func newServe(s *session) *cobra.Command {
	config := app.DefaultConfig()
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: everything in one process, on a SQLite file unless --database
says otherwise.

Each option can also be set by an environment variable, --allow-target is
HOOKYARD_ALLOW_TARGET, or in a file: hookyard config init prints one for --config.
hookyard config show prints all options and the origin of each value.

SIGINT or SIGTERM stops the server: it accepts no more requests and gives running
attempts --grace to finish. A second signal stops it at once. SIGHUP makes it read
the options again: --log-level changes at once, others are named in the log. If the
log goes to a terminal, SIGHUP says that it was closed and stops the server, too.`,
		Example: `  hookyard serve --dev                                  try it out on this machine, without sign-in
  hookyard serve --listen :8080 --base-url https://hooks.example.com
  hookyard serve --config hookyard.yaml
  hookyard serve --database postgres://hookyard@db/hookyard
  hookyard serve --allow-target 10.1.0.0/16             let hooks send into a private network`,
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
		if err := config.Verify(); err != nil {
			return usagef("%v", err)
		}
		level := &slog.LevelVar{}
		level.Set(config.Level())
		log := slog.New(s.logHandler(s.err, config.LogFormat, level))
		for _, name := range app.StrayEnv(c.LocalNonPersistentFlags(), os.Environ()) {
			log.Warn("unknown variable has no effect; hookyard config show lists the valid ones", "variable", name)
		}
		app.TuneProcess()
		a, err := app.New(c.Context(), config, readBuild().Version, log)
		if err != nil {
			return err
		}
		s.printSetup(a.SetupLink(), config.LogFormat)
		r := &reloader{session: s, flags: c.LocalNonPersistentFlags(), from: from, log: log, level: level}
		defer r.start(a.ReadCertificate)()
		go a.FollowCache(c.Context())
		return a.Run(c.Context())
	}
	return takes(c, 0, 0)
}

// printSetup prints the link of a first start on stdout, apart from the log. With a log in JSON stdout is likely to be
// collected with it, so nothing is printed: the log says how to get a link.
func (s *session) printSetup(link, logFormat string) {
	if link != "" && logFormat != "json" {
		_, _ = fmt.Fprintf(s.out, "Choose the password of user admin within a day, once, at\n%s\n", link)
	}
}

// logHandler returns a handler of log entries: in colour on a terminal, otherwise lines of key=value or JSON.
func (s *session) logHandler(w io.Writer, format string, level slog.Leveler) slog.Handler {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: formatDurations}
	switch {
	case format == "json":
		return slog.NewJSONHandler(w, o)
	case isTerminal(w):
		return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !s.colored(w),
			ReplaceAttr: formatDurations})
	}
	return slog.NewTextHandler(w, o)
}

// formatDurations makes durations strings such as 1.5s or 30d, in every format of the log. In JSON they would be
// numbers of nanoseconds.
func formatDurations(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(hookyard.FormatDuration(a.Value.Duration()))
	}
	return a
}
