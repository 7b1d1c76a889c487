package cli

import (
	"errors"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// status is the output of hookyard status.
type status struct {
	Server string             `json:"server"`
	Info   client.ServerInfo  `json:"info"`
	User   client.CurrentUser `json:"user"`
}

func newStatus(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "status", Aliases: []string{"whoami"}, Short: "Show the server and the user you are signed in as",
		Example: "  hookyard status\n  hookyard status --server https://hooks.example.com --json",
	}
	var ready bool
	c.Flags().BoolVar(&ready, "ready", false,
		"only ask whether the server is ready; needs no token (for health checks)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		if ready {
			return cl.Ready(c.Context())
		}
		out := status{Server: hookyard.MaskURL(s.server)}
		if out.Info, err = cl.Info(c.Context()); err != nil {
			return err
		}
		out.User, err = cl.User(c.Context())
		if client.StatusOf(err) == http.StatusUnauthorized && !s.asJSON { // the server did answer
			return errors.Join(s.card(field{"server", out.Server}, field{"version", out.Info.Version},
				field{"user", "not signed in"}), err)
		}
		if err != nil {
			return err
		}
		return s.show(out, func() error {
			mode, token := "", ""
			if out.Info.Dev {
				mode = "--dev: sign-in is off"
			}
			if t := out.User.Token; t != nil {
				token = t.ID + ", scope " + string(t.Scope)
			}
			role := ""
			if out.User.Admin {
				role = "server administrator"
			}
			return s.card(field{"server", out.Server}, field{"version", out.Info.Version}, field{"mode", mode},
				field{"user", out.User.Name}, field{"role", role}, field{"token", token})
		})
	}
	return takes(c, 0, 0)
}
