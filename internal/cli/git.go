package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/gitpush"
)

func newGit(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "git",
		Short: "Git: publish an event for each push to a repository",
		Long: `Publish the pushes to a plain Git repository as events: install adds a
post-receive hook to it. hookyard never delays a push by more than a few seconds
and never makes it fail: a push that cannot be sent waits in the repository, and
is sent, in order, with the next push or by flush.`,
		Example: `  hookyard git install /srv/git/orders.git -p shop/orders --server https://hooks.example.com --token …
  hookyard git flush /srv/git/orders.git`,
	}
	return group(c, newGitInstall(s), newGitPostReceive(s), newGitFlush(s))
}

func (s *session) gitEnv(args []string) gitpush.Env {
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	return gitpush.Env{Dir: dir, Stdin: s.in, Stderr: s.err, Environ: os.Environ(),
		Agent: "hookyard-git/" + readBuild().Version}
}

func newGitInstall(s *session) *cobra.Command {
	var set gitpush.Settings
	var repo string
	c := &cobra.Command{
		Use: "install [REPOSITORY]", Short: "Make a repository report every push to the server",
		Long: `Make a repository report every push to the server. The command writes
hooks/post-receive, stores the settings in the repository's configuration
(hookyard.server, hookyard.project, …) and the token in a file that only its
owner can read. Run it again to change the settings.`,
		Example: `  hookyard git install -p shop/orders                      the repository in this folder
  hookyard git install --repo /srv/git/orders.git -p shop/orders --append`,
	}
	c.Flags().StringVar(&repo, "repo", "", "the repository's directory, instead of the argument")
	c.Flags().StringVar(&set.URL, "url", "", "URL of the repository's page, for links in events")
	c.Flags().StringVar(&set.ModelEvents, "model-events", "",
		"also publish COMMIT, BRANCH_… and TAG_… events: ask (the project's setting), always or never")
	c.Flags().BoolVar(&set.Append, "append", false, "keep an existing post-receive hook and run it first")
	c.RunE = func(c *cobra.Command, args []string) error {
		project, err := s.needProject()
		if err != nil {
			return err
		}
		if set.Program, err = os.Executable(); err != nil {
			return err
		}
		if repo != "" {
			if len(args) > 0 {
				return usagef("the repository is given twice: as an argument and by --repo")
			}
			args = []string{repo}
		}
		set.Server = s.server
		set.Project = project
		set.Token = s.findToken()
		hook, err := gitpush.Install(c.Context(), s.gitEnv(args), set)
		if err != nil {
			return err
		}
		result := struct {
			Hook string `json:"hook"`
		}{hook}
		return s.show(result, func() error {
			s.say("every push is now published as an event of %s at %s", project, hookyard.MaskURL(s.server))
			return s.println("%s", hook)
		})
	}
	return takes(c, 0, 1)
}

func newGitPostReceive(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "post-receive", Short: "Run by the installed hook; reads git's lines from stdin",
		Example: "  echo \"$old $new refs/heads/main\" | hookyard git post-receive",
	}
	// Skips the checks of the environment: a wrong variable must not fail a push.
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return nil }
	c.RunE = func(c *cobra.Command, _ []string) error {
		gitpush.PostReceive(c.Context(), s.gitEnv(nil))
		return nil
	}
	return takes(c, 0, 0)
}

func newGitFlush(s *session) *cobra.Command {
	c := &cobra.Command{Use: "flush [REPOSITORY]", Short: "Send the pushes that are waiting in a repository",
		Example: "  hookyard git flush /srv/git/orders.git"}
	c.RunE = func(c *cobra.Command, args []string) error {
		did, err := gitpush.Flush(c.Context(), s.gitEnv(args))
		if err != nil {
			if did.Waiting > 0 {
				s.say("waiting: %s", hookyard.Count(did.Waiting, "push"))
			}
			return err
		}
		result := struct {
			Sent    int    `json:"sent"`
			Refused int    `json:"refused"`
			Reason  string `json:"reason,omitempty"`
		}{did.Sent, did.Refused, did.Reason}
		return s.show(result, func() error {
			if did.Refused > 0 {
				return failf(exitFailed, "%d sent, %d rejected by the server: %s", did.Sent, did.Refused, did.Reason)
			}
			return s.println("%d sent", did.Sent)
		})
	}
	return takes(c, 0, 1)
}
