package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Project is a project with its settings. Hooks, sources and events belong to one.
type Project struct {
	ID            string            `json:"id" doc:"owner+name, WebGME's project id"`
	Owner         string            `json:"owner"`
	Name          string            `json:"name"`
	Description   string            `json:"description"`
	Preset        string            `json:"preset,omitempty" doc:"catalogue and format: github, netbeans, webgme, yobi"`
	EventTypes    []string          `json:"eventTypes" doc:"its catalogue; empty means any type"`
	Format        string            `json:"format" doc:"default of its hooks"`
	Relay         string            `json:"relay" doc:"who may use the relay: off, signed, token or open"`
	RelaySecret   string            `json:"relaySecret,omitempty" doc:"*** if there is one"`
	ModelEvents   bool              `json:"modelEvents" doc:"a Git push also publishes COMMIT, BRANCH_… and TAG_…"`
	Retention     hookyard.Duration `json:"retention" doc:"of event bodies; 0s means the server's"`
	Public        bool              `json:"public" doc:"anyone may read"`
	AllowRequests bool              `json:"allowRequests" doc:"messages may name their own webhooks"`
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"`
	Revision      int64             `json:"revision"`
}

// Feature is the resource at feature_href in events of format netbeans. Its JSON has Kenai's names.
type Feature struct {
	ContentType string `json:"content_type"`
	Href        string `json:"href"`
	Name        string `json:"name"`
	ProjectHref string `json:"project_href"`
}

// Path returns owner/name, the form that the methods of [Client] take.
func (p *Project) Path() string { return p.Owner + "/" + p.Name }

// ProjectPatch holds the settings to change. Nil leaves a setting as it is; in a new project, at its default.
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

// ProjectPage is a page of projects.
type ProjectPage struct {
	Projects []Project `json:"projects"`
	Cursor   string    `json:"cursor,omitempty"` // of the next page; "" on the last
}

// ProjectTarget names the project to duplicate or transfer to.
type ProjectTarget struct {
	Owner string `json:"owner,omitempty"`
	Name  string `json:"name,omitempty"`
}

// AuditPage is a page of the audit log, newest first.
type AuditPage struct {
	Audit  []hookyard.AuditEntry `json:"audit"`
	Cursor string                `json:"cursor,omitempty"`
}

// Members lists the members of a project.
type Members struct {
	Members []hookyard.Member `json:"members"`
}

// RoleGrant is the role to give to a member.
type RoleGrant struct {
	Role hookyard.Role `json:"role" doc:"read, write or admin"`
}

// Projects lists the projects that the caller may read, sorted by path.
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

// PutProject creates a project or replaces the settings of an existing one, and reports which.
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

// DeleteProject deletes a project and everything in it.
func (c *Client) DeleteProject(ctx context.Context, project string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project), nil, nil)
	return err
}

// DuplicateProject copies the settings, hooks and sources of a project, but not its events, to a new project.
func (c *Client) DuplicateProject(ctx context.Context, project string, to ProjectTarget) (Project, error) {
	var out Project
	_, err := c.call(ctx, http.MethodPost, in(project, "duplicate"), to, &out)
	return out, err
}

// TransferProject moves a project to another owner.
func (c *Client) TransferProject(ctx context.Context, project, owner string) (Project, error) {
	var out Project
	_, err := c.call(ctx, http.MethodPost, in(project, "transfer"), ProjectTarget{Owner: owner}, &out)
	return out, err
}

// Members lists the members of a project, users and then groups. Its owner and administrators are not among them.
func (c *Client) Members(ctx context.Context, project string) ([]hookyard.Member, error) {
	var out Members
	_, err := c.call(ctx, http.MethodGet, in(project, "members"), nil, &out)
	return out.Members, err
}

// SetMember sets the role in a project of a user, or of a group of the OpenID provider, "group:NAME".
func (c *Client) SetMember(ctx context.Context, project, user string, role hookyard.Role) error {
	_, err := c.call(ctx, http.MethodPut, in(project, "members", user), RoleGrant{Role: role}, nil)
	return err
}

// RemoveMember removes a user or a group from a project.
func (c *Client) RemoveMember(ctx context.Context, project, user string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "members", user), nil, nil)
	return err
}

// Audit lists the changes in a project, newest first.
func (c *Client) Audit(ctx context.Context, project string, p Page) (AuditPage, error) {
	var out AuditPage
	_, err := c.call(ctx, http.MethodGet, in(project, "audit")+"?"+p.query().Encode(), nil, &out)
	return out, err
}

// ServerAudit lists the changes outside projects, newest first. Only administrators may call it.
func (c *Client) ServerAudit(ctx context.Context, p Page) (AuditPage, error) {
	var out AuditPage
	_, err := c.call(ctx, http.MethodGet, path("audit")+"?"+p.query().Encode(), nil, &out)
	return out, err
}
