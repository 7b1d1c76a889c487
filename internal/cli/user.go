package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newUser(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "user",
		Aliases: []string{"users"},
		Short:   "Users: accounts on the server (administrators only)",
		Example: `  hookyard user create ann
  hookyard user create ann --invite
  hookyard user passwd ann < password.txt
  hookyard user list`,
	}
	return group(c, newUserList(s), newUserCreate(s), newUserInvite(s), newUserPasswd(s),
		newUserResetFactor(s), newUserDelete(s))
}

func newUserList(s *session) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List all users"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := cl.Users(c.Context())
		if err != nil {
			return err
		}
		return s.show(client.Users{Users: all}, func() error {
			var rows [][]string
			for _, u := range all {
				rows = append(rows, []string{u.Name, onOff(!u.Disabled), yesNo(u.Admin), yesNo(u.SecondFactor),
					orText(u.Subject, "-"), s.when(u.CreatedAt)})
			}
			head := []string{"USER", "STATE", "ADMIN", "2ND FACTOR", "SINGLE SIGN-ON", "CREATED"}
			if err := s.list(head, rows); err != nil {
				return err
			}
			s.more(len(rows), "user", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

func newUserCreate(s *session) *cobra.Command {
	var admin, none, invite bool
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a user; prompts for the password or reads it from stdin",
		Example: `  hookyard user create ann
  hookyard user create ann --admin < password.txt
  hookyard user create ann --invite
  hookyard user create robot --no-password`,
	}
	c.Flags().BoolVar(&admin, "admin", false, "make the user a server administrator")
	c.Flags().BoolVar(&none, "no-password", false, "no password: only tokens and single sign-on")
	c.Flags().BoolVar(&invite, "invite", false, "no password: print a link by which the user chooses one")
	c.RunE = func(c *cobra.Command, args []string) error {
		if none && invite {
			return usagef("--no-password and --invite exclude each other")
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		p := client.UserPatch{Name: &args[0], Admin: &admin}
		if !none && !invite {
			password, err := s.password()
			if err != nil {
				return err
			}
			p.Password = &password
		}
		u, err := cl.CreateUser(c.Context(), p)
		if err != nil {
			return err
		}
		if invite {
			return s.invite(c.Context(), cl, u.Name)
		}
		return s.showUser(&u)
	}
	return takes(c, 1, 1)
}

func newUserInvite(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "invite NAME", Short: "Print a link by which a user without a password chooses one",
		Long: `Print a link by which a user without a password chooses one. It works once and
for a day, and replaces the user's last link.`,
		Example: "  hookyard user invite ann",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		return s.invite(c.Context(), cl, args[0])
	}
	return takes(c, 1, 1)
}

func (s *session) invite(ctx context.Context, cl *client.Client, name string) error {
	link, err := cl.InviteUser(ctx, name)
	if err != nil {
		return err
	}
	return s.show(link, func() error {
		s.say("send this link to %s; it works once%s:", name, untilText(link.ExpiresAt))
		_, err := fmt.Fprintln(s.out, link.URL)
		return err
	})
}

func (s *session) showUser(u *hookyard.User) error {
	return s.show(u, func() error {
		return s.card(field{"user", u.Name}, field{"state", onOff(!u.Disabled)}, field{"admin", yesNo(u.Admin)},
			field{"created", localTime(u.CreatedAt)})
	})
}

func newUserPasswd(s *session) *cobra.Command {
	var revoke bool
	c := &cobra.Command{Use: "passwd NAME", Short: "Set a user's password; prompts for it or reads it from stdin",
		Example: "  hookyard user passwd ann"}
	c.Flags().BoolVar(&revoke, "revoke-tokens", false, "revoke the user's tokens, too")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		password, err := s.password()
		if err != nil {
			return err
		}
		p := client.UserPatch{Password: &password, RevokeTokens: revoke}
		if _, err := cl.UpdateUser(c.Context(), args[0], p); err != nil {
			return err
		}
		s.say("set the password of %s", args[0])
		return nil
	}
	return takes(c, 1, 1)
}

func newUserResetFactor(s *session) *cobra.Command {
	c := &cobra.Command{Use: "reset-factor NAME", Short: "Remove the second factors of a user who has lost them",
		Long: `Remove the second factors of a user who has lost them, and end the user's
sessions. The password alone signs in until the user sets up another factor.`,
		Example: "  hookyard user reset-factor ann"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		if err := cl.ResetSecondFactor(c.Context(), args[0]); err != nil {
			return err
		}
		s.say("removed the second factors of %s", args[0])
		return nil
	}
	return takes(c, 1, 1)
}

func newUserDelete(s *session) *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "delete NAME",
		Short: "Delete a user with tokens, sessions and roles, but not the projects",
	}
	addYes(c.Flags(), &yes)
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		all, err := cl.Users(c.Context())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(u hookyard.User) bool { return u.Name == args[0] }) {
			return failf(exitNotFound, "no user %s", args[0]).then("for the list: hookyard user list")
		}
		if err := s.confirm(yes, "delete user %s", args[0]); err != nil {
			return err
		}
		if err := cl.DeleteUser(c.Context(), args[0]); err != nil {
			return err
		}
		s.say("deleted user %s", args[0])
		return nil
	}
	return takes(c, 1, 1)
}

// password prompts twice for a new password without echo, or reads one line of stdin if that is not a terminal.
func (s *session) password() (string, error) {
	f, ok := s.in.(*os.File)
	if !ok || !isTerminal(s.in) {
		line, err := bufio.NewReader(s.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", usagef("no password: pipe it to stdin, or use a terminal to be prompted")
		}
		return line, nil
	}
	var typed [2]string
	for i, prompt := range []string{"password: ", "repeat password: "} {
		_, _ = fmt.Fprint(s.err, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(s.err)
		if err != nil {
			return "", err
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", failf(exitFailed, "the passwords differ; nothing was changed")
	}
	return typed[0], nil
}
