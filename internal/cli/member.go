package cli

import (
	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newProjectMembers(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "members",
		Aliases: []string{"member"},
		Short:   "Members: users and groups, and their roles in a project",
		Example: `  hookyard project members list -p shop/orders
  hookyard project members set ann write -p shop/orders`,
	}
	return group(c, newMemberList(s), newMemberSet(s), newMemberRemove(s))
}

func newMemberList(s *session) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List who has a role, besides the owner and administrators"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		all, err := cl.Members(c.Context(), project)
		if err != nil {
			return err
		}
		return s.show(client.Members{Members: all}, func() error {
			var rows [][]string
			for _, m := range all {
				rows = append(rows, []string{m.User, string(m.Role)})
			}
			if err := s.list([]string{"USER OR GROUP", "ROLE"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "member", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

func newMemberSet(s *session) *cobra.Command {
	c := &cobra.Command{Use: "set USER|group:NAME read|write|admin",
		Short: "Give a role to a user, or to a group of the OpenID provider",
		Example: `  hookyard project members set ann write -p shop/orders
  hookyard project members set group:dev read -p shop/orders`}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		role := hookyard.Role(args[1])
		if role == hookyard.RoleNone || !role.Allows(hookyard.RoleRead) {
			return usagef("role %q: use read, write or admin", args[1])
		}
		if err := cl.SetMember(c.Context(), project, args[0], role); err != nil {
			return err
		}
		s.say("%s has role %s in %s", args[0], args[1], project)
		return nil
	}
	return takes(c, 2, 2)
}

func newMemberRemove(s *session) *cobra.Command {
	c := &cobra.Command{Use: "remove USER|group:NAME", Short: "Remove the role of a user or group"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		if err := cl.RemoveMember(c.Context(), project, args[0]); err != nil {
			return err
		}
		s.say("removed the role of %s in %s", args[0], project)
		return nil
	}
	return takes(c, 1, 1)
}
