package api

import (
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func showProjectLimits(c *call) error { return c.replyAllowance(c.project.Limits(c.ctx())) }

func setProjectLimits(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	return c.replyAllowance(c.project.SetLimits(c.ctx(), body))
}

func showOwnerLimits(c *call) error {
	return c.replyAllowance(c.a.o.Control.OwnerLimits(c.ctx(), c.id, c.param("owner")))
}

func setOwnerLimits(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	return c.replyAllowance(c.a.o.Control.SetOwnerLimits(c.ctx(), c.id, c.param("owner"), body))
}

func listLimits(c *call) error {
	found, err := c.a.o.Control.AllLimits(c.ctx(), c.id)
	if err != nil {
		return err
	}
	out := client.Allowances{Allowances: []client.Allowance{}}
	for _, a := range found {
		out.Allowances = append(out.Allowances, allowanceJSON(a))
	}
	return c.reply(http.StatusOK, out)
}

func (c *call) replyAllowance(a control.Allowance, err error) error {
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, allowanceJSON(a))
}

func allowanceJSON(a control.Allowance) client.Allowance {
	kind, path, _ := strings.Cut(a.Name, " ")
	out := client.Allowance{}
	if kind == "owner" {
		out.Owner = path
	} else {
		out.Project = path
	}
	for _, name := range hookyard.LimitNames {
		_, own := a.Own[name]
		one := client.Limit{Name: name, Value: a.Quota[name], Set: own}
		if name != hookyard.LimitBurst {
			used := a.Use.Of(name)
			one.Used = &used
		}
		out.Limits = append(out.Limits, one)
	}
	return out
}
