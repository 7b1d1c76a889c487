// Package cli implements the hookyard command: one file per noun, one function per command. It reaches a server only
// through package client; only serve, demo and bench start one.
//
// Data goes to stdout and everything else to stderr, so that output can be piped. With --json both are JSON. The exit
// codes are in error.go.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Main runs the command line and returns the exit code. args does not include the program's name; env looks up an
// environment variable. The first SIGINT, SIGTERM or SIGHUP asks the command to stop, the second ends the
// program. While serve runs, SIGHUP is its own.
func Main(args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup(1) ignores it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	s := &session{env: env, in: stdin, out: stdout, err: stderr, asJSON: wantsJSON(args)}
	root := newRoot(s)
	root.SetArgs(append([]string{}, bareEvents(args)...)) // never nil: cobra would then read os.Args
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

A short tour:   hookyard demo
To try it out:  hookyard serve --dev      and in another terminal:
                hookyard project create guest/shop
                hookyard hook add guest/shop billing "$(hookyard bin create)" -e 'order.*'
                hookyard publish order.created -d '{"id": 7}' -p guest/shop --wait

Exit codes:  0 success, 1 failure, 2 wrong usage or value, 4 not signed in, 5 not found,
             6 not accepted by the receiver in time, 130 interrupted`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.Version = readBuild().Version
	root.SetVersionTemplate(readBuild().String() + "\n")
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Start:"},
		&cobra.Group{ID: groupSend, Title: "Send and receive:"},
		&cobra.Group{ID: groupLook, Title: "Inspect:"},
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
		{groupStart, []*cobra.Command{newServe(s), newDoctor(s), newDemo(s), newStatus(s), newBench(s)}},
		{groupSend, []*cobra.Command{newPublish(s), newTrigger(s), newListen(s), newBin(s), newMCP(s)}},
		{groupLook, []*cobra.Command{newEvent(s), newDelivery(s), newReplay(s), newStats(s), newAudit(s)}},
		{groupSet, []*cobra.Command{newProject(s), newHook(s), newSource(s), newCatalogue(s), newGit(s),
			newPortal(s), newApply(s), newDiff(s), newExport(s)}},
		{groupAdmin, []*cobra.Command{newUser(s), newToken(s), newLimits(s), newNodes(s), newSecretKey(s), newBackup(s),
			newRestore(s), newMigrate(s), newErase(s), newConfig(s), newMan(s), newVersion(s)}},
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

// synonyms maps a command to the other verb that users try for it. Every noun accepts both.
var synonyms = map[string]string{
	"get":    "show",
	"show":   "get",
	"remove": "delete",
	"delete": "remove",
	"add":    "create",
	"create": "add",
}

// group adds subcommands to a command that does nothing by itself. Without arguments c prints its help; an unknown
// subcommand is a usage error that suggests similar names.
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
			didYouMean(nearest(names, args[0]))).then("for the list: %s --help", c.CommandPath())
	}
	return c
}

// takes makes a command require between least and most arguments.
func takes(c *cobra.Command, least, most int) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		what := "too many arguments"
		if len(args) < least {
			what = "missing argument"
		}
		return usagef("%s; usage: %s", what, c.UseLine())
	}
	return c
}

// localTime formats t in the local time zone; the zero time is "-".
func localTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
