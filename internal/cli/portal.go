package cli

import (
	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newPortal(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "portal", Short: "Portals: pages where your customers manage the hooks of a project",
		Example: `  hookyard portal link acme/cust-4711 --ttl 1h
  hookyard portal revoke acme/cust-4711`,
	}
	return group(c, newPortalLink(s), newPortalRevoke(s))
}

func newPortalLink(s *session) *cobra.Command {
	r := client.PortalLinkRequest{TTL: hookyard.Duration(hookyard.DefaultPortalTTL)}
	var hide []string
	c := &cobra.Command{
		Use: "link PROJECT", Short: "Create a link that opens the portal of a project, once",
		Long: `Create a link that opens the portal of a project, once. Only the link is printed
on stdout. Whoever opens it first manages the hooks of the project until the
session ends: on sign-out, after --ttl, or by "hookyard portal revoke".`,
		Example: `  hookyard portal link acme/cust-4711 --return-url https://app.acme.example/settings
  hookyard portal link acme/cust-4711 --ttl 10m --read-only --hide verify`,
	}
	c.Flags().Var(&r.TTL, "ttl", "how long the link can be opened, and how long the session lasts from then")
	c.Flags().BoolVar(&r.ReadOnly, "read-only", false, "the session can change nothing, and sees no secrets")
	c.Flags().StringVar(&r.ReturnURL, "return-url", "", "URL that the portal links back to")
	c.Flags().StringSliceVar(&hide, "hide", nil, "pages to leave out: deliveries, verify")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !isPath(args[0]) {
			return usagef("project %q: use owner/name", args[0])
		}
		for _, part := range hide {
			r.Hide = append(r.Hide, hookyard.PortalPart(part))
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		l, err := cl.CreatePortalLink(c.Context(), args[0], r)
		if err != nil {
			return err
		}
		return s.show(l, func() error {
			s.say("The link works once, until %s.", s.when(l.ExpiresAt))
			return s.println("%s", l.URL)
		})
	}
	return takes(c, 1, 1)
}

func newPortalRevoke(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "revoke PROJECT", Short: "End all sessions in the portal of a project, and make its links useless",
		Example: "  hookyard portal revoke acme/cust-4711",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if !isPath(args[0]) {
			return usagef("project %q: use owner/name", args[0])
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		out, err := cl.RevokePortal(c.Context(), args[0])
		if err != nil {
			return err
		}
		return s.show(out, func() error {
			s.say("revoked %s and %s", hookyard.Count(out.Links, "link"), hookyard.Count(out.Sessions, "session"))
			return nil
		})
	}
	return takes(c, 1, 1)
}
