package client

import (
	"context"
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
)

// Allowance is what a project, or all projects of an owner together, may use, and what they use.
type Allowance struct {
	Project string  `json:"project,omitempty" doc:"owner/name; absent for an owner"`
	Owner   string  `json:"owner,omitempty" doc:"absent for a project"`
	Limits  []Limit `json:"limits"`
}

// Limit is one limit of an [Allowance].
type Limit struct {
	Name  hookyard.LimitName `json:"name"`
	Value int64              `json:"value" doc:"0: no limit"`
	Set   bool               `json:"set" doc:"it was set for this project or owner; else it is the server's default"`
	Used  *int64             `json:"used,omitempty" doc:"of the node: listeners; in the last minute: eventsPerSecond"`
}

// Allowances lists the owners and projects for which limits are set.
type Allowances struct {
	Allowances []Allowance `json:"allowances"`
}

// LimitPatch holds limits to change, by name. Nil means the default again, 0 no limit.
type LimitPatch map[hookyard.LimitName]*int64

// Limits returns what a project may use, owner/name, or all projects of an owner.
func (c *Client) Limits(ctx context.Context, of string) (out Allowance, err error) {
	_, err = c.call(ctx, http.MethodGet, limitsOf(of), nil, &out)
	return out, err
}

// SetLimits changes limits of a project, owner/name, or of an owner. Only administrators of the server may do so.
func (c *Client) SetLimits(ctx context.Context, of string, patch LimitPatch) (out Allowance, err error) {
	_, err = c.call(ctx, http.MethodPatch, limitsOf(of), patch, &out)
	return out, err
}

// AllLimits returns the owners and projects for which limits are set. Only administrators of the server may ask.
func (c *Client) AllLimits(ctx context.Context) ([]Allowance, error) {
	var out Allowances
	_, err := c.call(ctx, http.MethodGet, path("limits"), nil, &out)
	return out.Allowances, err
}

func limitsOf(of string) string {
	if strings.Contains(of, "/") {
		return in(of, "limits")
	}
	return path("owners", of, "limits")
}
