package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func showCurrentUser(c *call) error {
	return c.reply(http.StatusOK, client.CurrentUser{Name: c.id.User.Name, Admin: c.id.IsAdmin(), Guest: c.id.Guest,
		Token: c.id.Token})
}

func listUsers(c *call) error {
	found, err := c.a.o.Control.Users(c.ctx(), c.id)
	if err != nil {
		return err
	}
	out := client.Users{Users: []hookyard.User{}}
	for _, u := range found {
		out.Users = append(out.Users, *u)
	}
	return c.reply(http.StatusOK, out)
}

func createUser(c *call) error {
	in, err := c.userPatch("subject", "createdAt", "invitedUntil", "secondFactor")
	if err != nil {
		return err
	}
	u, err := c.a.o.Control.CreateUser(c.ctx(), c.id, in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, u)
}

func updateUser(c *call) error {
	in, err := c.userPatch("name", "subject", "createdAt", "invitedUntil", "secondFactor")
	if err != nil {
		return err
	}
	u, err := c.a.o.Control.UpdateUser(c.ctx(), c.id, c.param("user"), in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, u)
}

func removeUser(c *call) error {
	if err := c.a.o.Control.DeleteUser(c.ctx(), c.id, c.param("user")); err != nil {
		return err
	}
	return c.noContent()
}

func inviteUser(c *call) error {
	secret, until, err := c.a.o.Control.InviteUser(c.ctx(), c.id, c.param("user"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.Invitation{URL: c.a.o.BaseURL + control.LinkPath + secret, ExpiresAt: until})
}

func resetFactors(c *call) error {
	if err := c.a.o.Control.ResetFactors(c.ctx(), c.id, c.param("user")); err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) userPatch(ignored ...string) (in control.UserPatch, err error) {
	body, err := c.object()
	if err != nil {
		return in, err
	}
	return in, body.Decode(&in, ignored...)
}
