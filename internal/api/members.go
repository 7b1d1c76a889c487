package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func listMembers(c *call) error {
	found, err := c.project.Members(c.ctx())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.Members{Members: append([]hookyard.Member{}, found...)})
}

func setMember(c *call) error {
	var in client.RoleGrant
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.Decode(&in, "user"); err != nil {
		return err
	}
	m, err := c.project.SetMember(c.ctx(), c.param("user"), in.Role)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, m)
}

func removeMember(c *call) error {
	if err := c.project.RemoveMember(c.ctx(), c.param("user")); err != nil {
		return err
	}
	return c.noContent()
}
