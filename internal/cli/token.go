package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newToken(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "token",
		Aliases: []string{"tokens"},
		Short:   "Tokens: credentials for programs",
		Example: `  hookyard token create --name shop --scope publish --only shop/orders
  hookyard token list`,
	}
	return group(c, newTokenList(s), newTokenCreate(s), newTokenDelete(s))
}

func newTokenList(s *session) *cobra.Command {
	var everyone bool
	var only string
	c := &cobra.Command{Use: "list", Short: "List your tokens, newest first",
		Example: `  hookyard token list
  hookyard token list --only shop/orders
  hookyard token list --all`}
	c.Flags().BoolVar(&everyone, "all", false, "everybody's tokens (administrators only)")
	c.Flags().StringVar(&only, "only", "", "everybody's tokens for this project, owner/name (its administrators only)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := tokensOf(c.Context(), cl, only, everyone)
		if err != nil {
			return err
		}
		return s.show(client.Tokens{Tokens: all}, func() error {
			var rows [][]string
			for _, t := range all {
				rows = append(rows, []string{t.ID, t.User, t.Name, string(t.Scope), orText(t.Project, "every"),
					s.when(t.ExpiresAt), s.when(t.LastUsedAt), s.when(t.CreatedAt)})
			}
			if err := s.list([]string{"TOKEN", "USER", "NAME", "SCOPE", "PROJECT", "EXPIRES", "LAST USED", "CREATED"},
				rows); err != nil {
				return err
			}
			s.more(len(rows), "token", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

// tokensOf lists the caller's tokens, or everybody's: all, or those for a project.
func tokensOf(ctx context.Context, cl *client.Client, project string, everyone bool) ([]hookyard.Token, error) {
	switch {
	case project != "" && everyone:
		return nil, usagef("--all and --only exclude each other")
	case project != "" && !isPath(project):
		return nil, usagef("--only %q: use owner/name", project)
	case project != "":
		return cl.ProjectTokens(ctx, project)
	case everyone:
		return cl.AllTokens(ctx)
	}
	return cl.Tokens(ctx)
}

func newTokenCreate(s *session) *cobra.Command {
	var name, scope, only, expires string
	c := &cobra.Command{
		Use: "create", Short: "Create a token; its secret is printed once",
		Long: `Create a token of yours. Only the secret is printed on stdout. It is not shown
again.

Scopes: publish can only publish events, read can see everything that you can,
manage can do everything that you can.`,
		Example: `  hookyard token create --name ci --scope publish --only shop/orders --expires 90d
  export HOOKYARD_TOKEN=$(hookyard token create --name shell --scope manage)`,
	}
	c.Flags().StringVar(&name, "name", "", "name, to recognize the token by")
	c.Flags().StringVar(&scope, "scope", "read", "publish, read or manage")
	c.Flags().StringVar(&only, "only", "", "restrict to this project, owner/name (default: all your projects)")
	c.Flags().StringVar(&expires, "expires", "90d",
		"lifetime, such as 12h or 1w, or never")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r := client.TokenRequest{Name: name, Scope: hookyard.Scope(scope), Project: only}
		switch r.Scope {
		case hookyard.ScopePublish, hookyard.ScopeRead, hookyard.ScopeManage:
		default:
			return usagef("--scope %q: use publish, read or manage", scope)
		}
		if only != "" && !isPath(only) {
			return usagef("--only %q: use owner/name", only)
		}
		if name == "" {
			return usagef("no name: set --name, to recognize the token in the list")
		}
		if expires != "never" {
			d, err := hookyard.ParseDuration(expires)
			if err != nil || d <= 0 {
				return usagef("--expires %q: use for example 12h, 90d or never", expires)
			}
			r.ExpiresIn = hookyard.Duration(d)
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		t, err := cl.CreateToken(c.Context(), r)
		if err != nil {
			return err
		}
		return s.show(t, func() error {
			s.say("token %s, scope %s%s; copy the secret, it is not shown again:", t.ID, string(t.Scope),
				untilText(t.ExpiresAt))
			_, err := fmt.Fprintln(s.out, t.Secret)
			return err
		})
	}
	return takes(c, 0, 0)
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", expires " + localTime(t)
}

func newTokenDelete(s *session) *cobra.Command {
	var yes, everyone bool
	var only string
	c := &cobra.Command{Use: "delete TOKEN", Aliases: []string{"revoke"}, Short: "Revoke a token",
		Example: `  hookyard token delete tok_… --yes
  hookyard token delete tok_… --only shop/orders`}
	c.Flags().BoolVar(&everyone, "all", false, "somebody else's token, too (administrators only)")
	c.Flags().StringVar(&only, "only", "", "anyone's token for this project, owner/name (its administrators only)")
	addYes(c.Flags(), &yes)
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := tokensOf(c.Context(), cl, only, everyone)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(t hookyard.Token) bool { return t.ID == args[0] }) {
			return failf(exitNotFound, "no token %s", args[0]).then("for the list: hookyard token list")
		}
		if err := s.confirm(yes, "revoke token %s", args[0]); err != nil {
			return err
		}
		if only != "" {
			err = cl.DeleteProjectToken(c.Context(), only, args[0])
		} else {
			err = cl.DeleteToken(c.Context(), args[0])
		}
		if err != nil {
			return err
		}
		s.say("revoked token %s", args[0])
		return nil
	}
	return takes(c, 1, 1)
}
