package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func listTokens(c *call) error {
	list := c.a.o.Control.Tokens
	all, err := c.all()
	if err != nil {
		return err
	}
	if all {
		list = c.a.o.Control.AllTokens
	}
	found, err := list(c.ctx(), c.id)
	if err != nil {
		return c.tokenError(err)
	}
	return c.replyTokens(found)
}

func listProjectTokens(c *call) error {
	found, err := c.project.Tokens(c.ctx())
	if err != nil {
		return err
	}
	return c.replyTokens(found)
}

func removeProjectToken(c *call) error {
	if err := c.project.DeleteToken(c.ctx(), c.param("id")); err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) replyTokens(found []*hookyard.Token) error {
	out := client.Tokens{Tokens: []hookyard.Token{}}
	for _, t := range found {
		out.Tokens = append(out.Tokens, *t)
	}
	return c.reply(http.StatusOK, out)
}

func createToken(c *call) error {
	if err := c.a.o.Control.MayManageTokens(c.id); err != nil {
		return c.tokenError(err)
	}
	body, err := c.object()
	if err != nil {
		return err
	}
	var in control.TokenSpec
	if err := body.Decode(&in); err != nil {
		return err
	}
	t, secret, err := c.a.o.Control.CreateToken(c.ctx(), c.id, in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, client.NewToken{Token: *t, Secret: secret})
}

func removeToken(c *call) error {
	if err := c.a.o.Control.DeleteToken(c.ctx(), c.id, c.param("id")); err != nil {
		return c.tokenError(err)
	}
	return c.noContent()
}
