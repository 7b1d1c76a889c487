package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Project is owner/name with its settings. Everything else belongs to one.
type Project struct {
	ID            string            `json:"id" doc:"owner+name, WebGME's project id"`
	Owner         string            `json:"owner"`
	Name          string            `json:"name"`
	Description   string            `json:"description"`
	Preset        string            `json:"preset,omitempty" doc:"github, netbeans, webgme or yobi: a ready-made catalogue and format"`
	EventTypes    []string          `json:"eventTypes" doc:"its catalogue; empty: any name goes"`
	Format        string            `json:"format" doc:"default of its hooks"`
	Relay         string            `json:"relay" doc:"who may signal and register at lively4's relay: off, signed, token or open"`
	RelaySecret   string            `json:"relaySecret,omitempty" doc:"*** when there is one"`
	ModelEvents   bool              `json:"modelEvents" doc:"a Git push also publishes COMMIT, BRANCH_… and TAG_… events"`
	Retention     hookyard.Duration `json:"retention" doc:"of events' bodies; 0s means the server's"`
	Public        bool              `json:"public" doc:"guests may read"`
	AllowRequests bool              `json:"allowRequests" doc:"messages may name their own webhooks"`
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"`
	Revision      int64             `json:"revision"`
}

// Feature is what feature_href of format netbeans leads to. It has Kenai's names, not ours.
type Feature struct {
	ContentType string `json:"content_type"`
	Href        string `json:"href"`
	Name        string `json:"name"`
	ProjectHref string `json:"project_href"`
}

// Path returns owner/name, as the methods of [Client] take it.
func (p *Project) Path() string { return p.Owner + "/" + p.Name }

// ProjectPatch holds the settings to change; nil leaves one as it is.
type ProjectPatch struct {
	Description   *string            `json:"description,omitempty"`
	Preset        *string            `json:"preset,omitempty"`
	EventTypes    *[]string          `json:"eventTypes,omitempty" doc:"a list, or the name of a preset"`
	Format        *string            `json:"format,omitempty"`
	Relay         *string            `json:"relay,omitempty"`
	RelaySecret   *string            `json:"relaySecret,omitempty"`
	ModelEvents   *bool              `json:"modelEvents,omitempty"`
	Retention     *hookyard.Duration `json:"retention,omitempty"`
	Public        *bool              `json:"public,omitempty"`
	AllowRequests *bool              `json:"allowRequests,omitempty"`
}

// ProjectPage is a part of the list of projects.
type ProjectPage struct {
	Projects []Project `json:"projects"`
	Cursor   string    `json:"cursor,omitempty"` // of the next page; "" when this is the last
}

// ProjectTarget says where a duplicated or transferred project goes.
type ProjectTarget struct {
	Owner string `json:"owner,omitempty"`
	Name  string `json:"name,omitempty"`
}

// AuditPage is a part of the list of changes, the newest first.
type AuditPage struct {
	Audit  []hookyard.AuditEntry `json:"audit"`
	Cursor string                `json:"cursor,omitempty"`
}

// Members are those who have a role in a project.
type Members struct {
	Members []hookyard.Member `json:"members"`
}

// RoleGrant gives a role.
type RoleGrant struct {
	Role hookyard.Role `json:"role" doc:"read, write or admin"`
}

// Projects lists the projects that the caller may read, by path.
func (c *Client) Projects(ctx context.Context, p Page) (ProjectPage, error) {
	var out ProjectPage
	_, err := c.call(ctx, http.MethodGet, path("projects")+"?"+p.query().Encode(), nil, &out)
	return out, err
}

// Project returns a project.
func (c *Client) Project(ctx context.Context, project string) (Project, error) {
	var out Project
	_, err := c.call(ctx, http.MethodGet, in(project), nil, &out)
	return out, err
}

// PutProject makes a project, or replaces the settings of the one there is. created says which.
func (c *Client) PutProject(ctx context.Context, project string, p ProjectPatch) (out Project, created bool,
	err error) {
	status, err := c.call(ctx, http.MethodPut, in(project), p, &out)
	return out, status == http.StatusCreated, err
}

// PatchProject changes a project's settings.
func (c *Client) PatchProject(ctx context.Context, project string, p ProjectPatch) (Project, error) {
	var out Project
	_, err := c.call(ctx, http.MethodPatch, in(project), p, &out)
	return out, err
}

// DeleteProject deletes a project with everything in it.
func (c *Client) DeleteProject(ctx context.Context, project string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project), nil, nil)
	return err
}

// DuplicateProject copies a project's settings, hooks and sources, not its events, to another owner, name or both.
func (c *Client) DuplicateProject(ctx context.Context, project string, to ProjectTarget) (Project, error) {
	var out Project
	_, err := c.call(ctx, http.MethodPost, in(project, "duplicate"), to, &out)
	return out, err
}

// TransferProject gives a project to another owner.
func (c *Client) TransferProject(ctx context.Context, project, owner string) (Project, error) {
	var out Project
	_, err := c.call(ctx, http.MethodPost, in(project, "transfer"), ProjectTarget{Owner: owner}, &out)
	return out, err
}

// Members lists who has a role in a project, besides its owner and administrators.
func (c *Client) Members(ctx context.Context, project string) ([]hookyard.Member, error) {
	var out Members
	_, err := c.call(ctx, http.MethodGet, in(project, "members"), nil, &out)
	return out.Members, err
}

// SetMember gives a user a role in a project.
func (c *Client) SetMember(ctx context.Context, project, user string, role hookyard.Role) error {
	_, err := c.call(ctx, http.MethodPut, in(project, "members", user), RoleGrant{Role: role}, nil)
	return err
}

// RemoveMember takes a user's role in a project away.
func (c *Client) RemoveMember(ctx context.Context, project, user string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "members", user), nil, nil)
	return err
}

// Audit lists who changed what in a project, the newest first.
func (c *Client) Audit(ctx context.Context, project string, p Page) (AuditPage, error) {
	var out AuditPage
	_, err := c.call(ctx, http.MethodGet, in(project, "audit")+"?"+p.query().Encode(), nil, &out)
	return out, err
}

// ServerAudit lists what administrators changed outside of projects. Administrators only.
func (c *Client) ServerAudit(ctx context.Context, p Page) (AuditPage, error) {
	var out AuditPage
	_, err := c.call(ctx, http.MethodGet, path("audit")+"?"+p.query().Encode(), nil, &out)
	return out, err
}
