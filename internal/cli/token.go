package cli

import (
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
		Short:   "Tokens: sign in from programs",
		Example: `  hookyard token create --name shop --scope publish --only shop/orders
  hookyard token list`,
	}
	return group(c, newTokenList(s), newTokenCreate(s), newTokenDelete(s))
}

func newTokenList(s *session) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List your tokens, the newest first"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := cl.Tokens(c.Context())
		if err != nil {
			return err
		}
		return s.show(client.Tokens{Tokens: all}, func() error {
			var rows [][]string
			for _, t := range all {
				rows = append(rows, []string{t.ID, t.Name, string(t.Scope), orText(t.Project, "every"),
					s.when(t.ExpiresAt), s.when(t.LastUsedAt), s.when(t.CreatedAt)})
			}
			if err := s.list([]string{"TOKEN", "NAME", "SCOPE", "PROJECT", "EXPIRES", "LAST USED", "CREATED"},
				rows); err != nil {
				return err
			}
			s.more(len(rows), "token", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

func newTokenCreate(s *session) *cobra.Command {
	var name, scope, only, expires string
	c := &cobra.Command{
		Use: "create", Short: "Make a token; its secret is printed once",
		Long: `Make a token of yours. The secret alone is on stdout, and is not shown again.

Scopes: publish lets events in and nothing else, read sees, manage does everything you may.`,
		Example: `  hookyard token create --name ci --scope publish --only shop/orders --expires 90d
  export HOOKYARD_TOKEN=$(hookyard token create --name shell --scope manage)`,
	}
	c.Flags().StringVar(&name, "name", "", "what it is for")
	c.Flags().StringVar(&scope, "scope", "read", "publish, read or manage")
	c.Flags().StringVar(&only, "only", "", "only for this project, owner/name; every one of yours unless given")
	c.Flags().StringVar(&expires, "expires", "90d",
		"how long it is good, such as 12h or 1w, or never: until it is revoked")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r := client.TokenRequest{Name: name, Scope: hookyard.Scope(scope), Project: only}
		switch r.Scope {
		case hookyard.ScopePublish, hookyard.ScopeRead, hookyard.ScopeManage:
		default:
			return usagef("--scope %q: use publish, read or manage", scope)
		}
		if only != "" && !isPath(only) {
			return usagef("--only %q: write owner/name", only)
		}
		if name == "" {
			return usagef("what is the token for? give --name, by which you will know it in the list")
		}
		if expires != "never" {
			d, err := hookyard.ParseDuration(expires)
			if err != nil || d <= 0 {
				return usagef("--expires %q: write for example 12h, 90d or never", expires)
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
			s.say("token %s, scope %s%s; keep the secret, it is not shown again:", t.ID, string(t.Scope),
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
	return ", until " + localTime(t)
}

func newTokenDelete(s *session) *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "delete TOKEN", Aliases: []string{"revoke"}, Short: "Revoke one of your tokens",
		Example: "  hookyard token delete tok_… --yes"}
	addYes(c.Flags(), &yes)
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := cl.Tokens(c.Context())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(t hookyard.Token) bool { return t.ID == args[0] }) {
			return failf(exitNotFound, "you have no token %s", args[0]).then("hookyard token list shows them")
		}
		if err := s.confirm(yes, "revoke token %s", args[0]); err != nil {
			return err
		}
		if err := cl.DeleteToken(c.Context(), args[0]); err != nil {
			return err
		}
		s.say("token %s is revoked", args[0])
		return nil
	}
	return takes(c, 1, 1)
}
