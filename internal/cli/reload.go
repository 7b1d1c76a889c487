package cli

import (
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/internal/app"
)

// reloader reads the options of a running server again.
type reloader struct {
	*session
	flags *pflag.FlagSet        // as the server was started
	from  map[string]app.Origin // of flags
	log   *slog.Logger
	level *slog.LevelVar
	last  map[string]string // values of the options as they were read last
}

// start makes SIGHUP reload from now on, and call certificate. If the signal is ignored it stays so, and if the log
// goes to a terminal the signal means that it was closed, and stops the server. The caller must call the function that
// start returns.
func (r *reloader) start(certificate func()) (stop func()) {
	if signal.Ignored(syscall.SIGHUP) || isTerminal(r.err) {
		return func() {}
	}
	r.last, _, _ = r.read() // it was read without an error a moment ago
	hangUps := make(chan os.Signal, 1)
	signal.Reset(syscall.SIGHUP) // it stopped the command so far
	signal.Notify(hangUps, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangUps:
				r.reload()
				certificate()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangUps)
		close(done)
	}
}

// reload applies what can be changed while the server runs, and names the rest. Options that are wrong change nothing.
func (r *reloader) reload() {
	next, config, err := r.read()
	if err == nil {
		err = config.Complete()
	}
	if err == nil {
		err = config.Verify()
	}
	if err != nil {
		r.log.Error("the options stay as they are", "error", err)
		return
	}
	var restart []string
	for name, value := range next {
		if value != r.last[name] && name != "log-level" {
			restart = append(restart, name)
		}
	}
	slices.Sort(restart)
	r.level.Set(config.Level())
	r.log.Info("options were read again", "log-level", config.LogLevel)
	if len(restart) > 0 {
		r.log.Warn("other options have changed and need a restart", "options", restart)
	}
}

// read reads the options again, and returns their values as texts, too. What was a flag is as it was.
func (r *reloader) read() (map[string]string, *app.Config, error) {
	config, fs := app.DefaultConfig(), pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(fs)
	for name, origin := range r.from {
		if f := r.flags.Lookup(name); origin == app.FromFlag && f != nil {
			if err := copyValue(fs.Lookup(name), f); err != nil {
				return nil, nil, err
			}
		}
	}
	if _, err := r.load(fs); err != nil {
		return nil, nil, err
	}
	values := map[string]string{}
	fs.VisitAll(func(f *pflag.Flag) { values[f.Name] = f.Value.String() })
	return values, &config, nil
}

// copyValue gives a flag the value of another of its type.
func copyValue(to, from *pflag.Flag) error {
	if to == nil {
		return nil
	}
	to.Changed = true
	list, isList := from.Value.(pflag.SliceValue)
	if copied, ok := to.Value.(pflag.SliceValue); ok && isList {
		return copied.Replace(list.GetSlice())
	}
	return to.Value.Set(from.Value.String())
}
