// Package cli is the command line: one file for each noun, one function for each command. It speaks to a server through
// package client and nothing else; only serve and demo start one.
//
// Data goes to stdout and everything else to stderr, so that output can be piped; with --json both are JSON. Exit codes
// are in error.go.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Main runs the command line and returns the exit code. args are without the program's name; env looks up a variable
// of the environment. The first SIGINT or SIGTERM asks the command to stop, the second ends the program.
func Main(args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	s := &session{env: env, in: stdin, out: stdout, err: stderr, asJSON: wantsJSON(args)}
	root := newRoot(s)
	root.SetArgs(append([]string{}, bareEvents(args)...)) // never nil, for which cobra would take os.Args
	return s.exit(ctx, root.ExecuteContext(ctx))
}

// The groups of commands in help.
const (
	groupStart = "start"
	groupSend  = "send"
	groupLook  = "look"
	groupSet   = "set"
	groupAdmin = "admin"
)

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "hookyard",
		Short: "Receives, keeps, routes, sends and streams webhooks",
		Long: `hookyard receives, keeps, routes, sends and streams webhooks.

In one minute:  hookyard demo
To try it out:  hookyard serve --dev      and in another terminal:
                hookyard project create guest/shop
                hookyard hook add guest/shop billing "$(hookyard bin create)" -e 'order.*'
                hookyard publish order.created -d '{"id": 7}' -p guest/shop --wait

Exit codes:  0 done, 1 failed, 2 typed wrong, 4 not signed in, 5 no such thing, 6 the receiver did not accept or not in time,
             130 interrupted`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.Version = version()
	root.SetVersionTemplate(fmt.Sprintf("hookyard %s (%s)\n", version(), goVersion()))
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Start:"},
		&cobra.Group{ID: groupSend, Title: "Send and receive:"},
		&cobra.Group{ID: groupLook, Title: "Look at what happened:"},
		&cobra.Group{ID: groupSet, Title: "Set up:"},
		&cobra.Group{ID: groupAdmin, Title: "Administer:"},
	)
	root.SetHelpCommandGroupID(groupAdmin)
	root.SetCompletionCommandGroupID(groupAdmin)
	s.flags(root.PersistentFlags())
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return s.complete() }
	for _, g := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupStart, []*cobra.Command{newServe(s), newDemo(s), newStatus(s), newBench(s)}},
		{groupSend, []*cobra.Command{newPublish(s), newListen(s), newBin(s)}},
		{groupLook, []*cobra.Command{newEvent(s), newDelivery(s), newReplay(s), newAudit(s)}},
		{groupSet, []*cobra.Command{newProject(s), newHook(s), newSource(s), newGit(s)}},
		{groupAdmin, []*cobra.Command{newUser(s), newToken(s), newConfig(s), newVersion(s)}},
	} {
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	group(root)
	s.completions(root)
	return root
}

// synonyms are the words that people also try for a command; every noun takes both.
var synonyms = map[string]string{"get": "show", "show": "get", "remove": "delete", "delete": "remove", "add": "create",
	"create": "add"}

// group makes a command that only has subcommands say which, and name the nearest to a typo.
func group(c *cobra.Command, sub ...*cobra.Command) *cobra.Command {
	for _, one := range sub {
		if other := synonyms[one.Name()]; other != "" {
			one.Aliases = append(one.Aliases, other)
		}
	}
	c.AddCommand(sub...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		var names []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, append(sub.Aliases, sub.Name())...)
			}
		}
		return usagef("unknown command %q for %s%s", args[0], c.CommandPath(),
			didYouMean(nearest(names, args[0]))).then("%s --help lists them", c.CommandPath())
	}
	return c
}

// takes makes a command refuse another number of arguments than between least and most.
func takes(c *cobra.Command, least, most int) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		what := "too many arguments"
		if len(args) < least {
			what = "an argument is missing"
		}
		return usagef("%s: write %s", what, c.UseLine())
	}
	return c
}

// version is what the build says of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

func newVersion(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  hookyard version\n  hookyard version --json",
	}
	c.RunE = func(*cobra.Command, []string) error {
		v := struct {
			Version string `json:"version"`
			Go      string `json:"go"`
		}{version(), goVersion()}
		return s.show(v, func() error { return s.println("hookyard %s (%s)", v.Version, v.Go) })
	}
	return takes(c, 0, 0)
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "go"
}

// localTime is how tables show a time.
func localTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
