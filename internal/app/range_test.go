package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard/internal/app"
)

// TestNumbersHaveRanges sets every option that is a number to one with which no server can work.
func TestNumbersHaveRanges(t *testing.T) {
	t.Parallel()
	config := app.DefaultConfig()
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.Flags(fs)
	n := 0
	fs.VisitAll(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "bool", "string", "stringSlice", "limits":
			return
		}
		n++
		bad := map[string]string{"int": "-1", "bytes": "-1", "duration": "-1s"}[f.Value.Type()]
		if err := fs.Set(f.Name, bad); err == nil || !strings.Contains(err.Error(), "--"+f.Name) {
			t.Errorf("--%s %q is accepted: %v", f.Name, bad, err)
		}
	})
	if n < 20 {
		t.Errorf("only %d options are numbers", n)
	}
	if err := config.Complete(); err != nil {
		t.Errorf("a value that was refused is kept: %v", err)
	}
}

// TestRangesHoldForEveryOrigin gives options values for which 0 or what is very large has no meaning.
func TestRangesHoldForEveryOrigin(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--poll=0":               "must be between 10ms and 1h",
		"--max-request-header=0": "must be between 1024 and 16777216",
		"--max-body=2GiB":        "must be between 1 and 1GiB",
		"--max-batch=0":          "must be at least 1",
		"--max-event-type=0":     "must be between 1 and 1000",
		"--max-bins=x":           `"x" is not a whole number`,
	} {
		config := app.DefaultConfig()
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Flags(fs)
		if err := fs.Parse([]string{flag}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", flag, err, want)
		}
	}
	config := app.DefaultConfig()
	config.Poll = -time.Second
	if err := config.Complete(); err == nil || err.Error() != "--poll is -1s: it must be between 10ms and 1h" {
		t.Errorf("Complete = %v", err)
	}
}
