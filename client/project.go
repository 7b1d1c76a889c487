package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

// Project is a project with its settings. Hooks, sources and events belong to one.
type Project struct {
	ID            string            `json:"id" doc:"owner+name, WebGME's project id"`
	Owner         string            `json:"owner"`
	Name          string            `json:"name"`
	UID           string            `json:"uid,omitempty" doc:"another name of it, unique among its owner's"`
	Title         string            `json:"title,omitempty" doc:"for people; absent: the name"`
	Description   string            `json:"description"`
	Metadata      map[string]string `json:"metadata,omitempty" doc:"the owner's own"`
	Preset        string            `json:"preset,omitempty" doc:"catalogue and format: github, netbeans, webgme, yobi"`
	EventTypes    []string          `json:"eventTypes" doc:"its catalogue; empty means any type"`
	Rate          float64           `json:"rate,omitempty" doc:"attempts per second of its hooks that set none"`
	Format        string            `json:"format" doc:"default of its hooks"`
	Relay         string            `json:"relay" doc:"who may use the relay: off, signed, token or open"`
	RelaySecret   string            `json:"relaySecret,omitempty" doc:"*** if there is one"`
	ModelEvents   bool              `json:"modelEvents" doc:"a Git push also publishes COMMIT, BRANCH_… and TAG_…"`
	Retention     hookyard.Duration `json:"retention" doc:"of event bodies; 0s means the server's"`
	Public        bool              `json:"public" doc:"anyone may read"`
	AllowRequests bool              `json:"allowRequests" doc:"messages may name their own webhooks"`
	SearchFields  []string          `json:"searchFields" doc:"paths to values by which events are found at once"`
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
	UID           *string            `json:"uid,omitempty"`
	Title         *string            `json:"title,omitempty"`
	Description   *string            `json:"description,omitempty"`
	Metadata      *map[string]string `json:"metadata,omitempty" doc:"replaces the present one; 4096 bytes as JSON"`
	Preset        *string            `json:"preset,omitempty"`
	EventTypes    *[]string          `json:"eventTypes,omitempty" doc:"a list, or the name of a preset"`
	Rate          *float64           `json:"rate,omitempty" doc:"0 means no limit"`
	Format        *string            `json:"format,omitempty"`
	Relay         *string            `json:"relay,omitempty"`
	RelaySecret   *string            `json:"relaySecret,omitempty"`
	ModelEvents   *bool              `json:"modelEvents,omitempty"`
	Retention     *hookyard.Duration `json:"retention,omitempty"`
	Public        *bool              `json:"public,omitempty"`
	AllowRequests *bool              `json:"allowRequests,omitempty"`
	SearchFields  *[]string          `json:"searchFields,omitempty" doc:"at most 8 paths, such as data.order.id"`
}

// SearchFields lists the search fields of a project.
type SearchFields struct {
	Fields []hookyard.SearchFieldState `json:"fields"`
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

// AuditQuery selects entries of an audit log. A zero field does not restrict the result.
type AuditQuery struct {
	Page
	Actor  string
	Action string // a name or a pattern with *
	Since  time.Time
	Until  time.Time
	All    bool  // of the server's log: those of all projects, too
	After  int64 // of an export: id of the last entry of the one before
}

func (q AuditQuery) values() url.Values {
	v := q.query()
	addTimes(v, q.Since, q.Until)
	addText(v, "actor", q.Actor, "action", q.Action)
	if q.All {
		v.Set("all", "true")
	}
	return v
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

// SearchFields returns how far the search fields of a project have been filled in. Until a field is ready, searches for
// its values read the bodies of events.
func (c *Client) SearchFields(ctx context.Context, project string) ([]hookyard.SearchFieldState, error) {
	var out SearchFields
	_, err := c.call(ctx, http.MethodGet, in(project, "search-fields"), nil, &out)
	return out.Fields, err
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

// Audit lists the audit log of a project, newest first.
func (c *Client) Audit(ctx context.Context, project string, q AuditQuery) (AuditPage, error) {
	var out AuditPage
	_, err := c.call(ctx, http.MethodGet, in(project, "audit")+"?"+q.values().Encode(), nil, &out)
	return out, err
}

// ServerAudit lists the audit log of the server, newest first: the changes outside projects. Only administrators may
// call it.
func (c *Client) ServerAudit(ctx context.Context, q AuditQuery) (AuditPage, error) {
	var out AuditPage
	_, err := c.call(ctx, http.MethodGet, path("audit")+"?"+q.values().Encode(), nil, &out)
	return out, err
}

// ExportAudit iterates over the audit log of a project, or with "" of the server, to the last entry, the oldest first.
// Cursor and Limit do not matter. An error ends the loop and comes with the zero value. On PostgreSQL, entries of the
// last seconds are left to an export that continues after the last one.
func (c *Client) ExportAudit(ctx context.Context, project string, q AuditQuery) iter.Seq2[hookyard.AuditEntry, error] {
	return func(yield func(hookyard.AuditEntry, error) bool) {
		to := path("audit", "export")
		if project != "" {
			to = in(project, "audit", "export")
		}
		q.Page = Page{}
		v := q.values()
		if q.After > 0 {
			v.Set("after", strconv.FormatInt(q.After, 10))
		}
		resp, err := c.send(ctx, http.MethodGet, to+"?"+v.Encode(), nil,
			http.Header{"Accept": {"application/x-ndjson"}})
		if err != nil {
			yield(hookyard.AuditEntry{}, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		for from := json.NewDecoder(resp.Body); ; {
			var entry hookyard.AuditEntry
			err := from.Decode(&entry)
			if err == io.EOF || !yield(entry, err) || err != nil {
				return
			}
		}
	}
}
