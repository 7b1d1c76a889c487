package web

import (
	"net/http"

	"github.com/hookyard/hookyard"
)

// tokensPage is where administrators see and revoke everybody's tokens.
type tokensPage struct {
	base
	Tokens []*hookyard.Token
}

func showTokens(v *visit) error {
	p := &tokensPage{}
	var err error
	if p.Tokens, err = v.web.o.Control.AllTokens(v.ctx(), v.id); err != nil {
		return err
	}
	return v.show(http.StatusOK, "Tokens", p)
}

func revokeToken(v *visit) error {
	err := v.web.o.Control.DeleteToken(v.ctx(), v.id, v.get("id"))
	if err != nil && hookyard.CodeOf(err) != hookyard.NotFound {
		return err
	}
	return v.redirect("/tokens", "revoked")
}

func revokeProjectToken(v *visit) error {
	err := v.project.DeleteToken(v.ctx(), v.get("id"))
	if err != nil && hookyard.CodeOf(err) != hookyard.NotFound {
		return err
	}
	return v.redirect(v.home("settings"), "revoked")
}
