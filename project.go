package hookyard

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Project is owner/name; hooks, sources and events belong to one. Names keep the case they were made with and are
// compared without it. Values are shared between goroutines once loaded and must not be changed.
type Project struct {
	Key           int64
	Owner         string
	Name          string
	Description   string
	Preset        string        // "webgme", "github", "yobi", "netbeans" or ""
	EventTypes    []string      // its catalogue; empty: any name goes
	Format        string        // default of its hooks; "" means the preset's, then raw
	Relay         string        // who may signal and register at lively4's relay: off, signed, token, open
	RelaySecret   Secret        // GitHub's secret for relay "signed"
	ModelEvents   bool          // a Git push also publishes COMMIT, BRANCH_… and TAG_… events
	Retention     time.Duration // of event bodies; 0 means the server's
	Public        bool          // guests may read
	AllowRequests bool          // messages and bins may name their own webhooks
	Revision      int64
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Path returns owner/name.
func (p *Project) Path() string { return p.Owner + "/" + p.Name }

// ID returns owner+name, WebGME's project id.
func (p *Project) ID() string { return p.Owner + "+" + p.Name }

// EffectiveFormat returns the format a hook of the project sends in.
func (p *Project) EffectiveFormat(h *Hook) string {
	switch {
	case h.Format != "":
		return h.Format
	case p.Format != "":
		return p.Format
	}
	if preset, ok := Presets()[p.Preset]; ok {
		return preset.Format
	}
	return FormatRaw
}

// Catalogue returns the event types a hook may name; empty means any.
func (p *Project) Catalogue() []string {
	if len(p.EventTypes) > 0 {
		return p.EventTypes
	}
	if preset, ok := Presets()[p.Preset]; ok {
		return preset.EventTypes
	}
	return nil
}

// The settings of Project.Relay.
const (
	RelayOff    = "off"
	RelaySigned = "signed"
	RelayToken  = "token"
	RelayOpen   = "open"
)

// Validate refuses a project whose fields cannot work.
func (p *Project) Validate(limits Limits) error {
	for field, v := range map[string]string{"owner": p.Owner, "name": p.Name} {
		if len(v) > 100 || !isName(v) {
			return FieldErrorf(field, "project %s must be 1 to 100 of the characters A-Z a-z 0-9 . _ -", field)
		}
	}
	if _, ok := Presets()[p.Preset]; p.Preset != "" && !ok {
		return FieldErrorf("preset", "preset must be one of github, netbeans, webgme, yobi")
	}
	if len(p.EventTypes) > 1000 {
		return FieldErrorf("eventTypes", "eventTypes holds %d names, at most 1000 are allowed", len(p.EventTypes))
	}
	for _, t := range p.EventTypes {
		if err := CheckType(t, limits); err != nil {
			return FieldErrorf("eventTypes", "eventTypes: %v", err)
		}
	}
	switch p.Relay {
	case "", RelayOff, RelaySigned, RelayToken, RelayOpen:
	default:
		return FieldErrorf("relay", "relay must be one of off, signed, token, open")
	}
	if len(p.Description) > limits.Description || !printableText(p.Description) {
		return FieldErrorf("description",
			"description is over %d bytes (setting: --max-description) or holds control characters", limits.Description)
	}
	if p.Retention < 0 {
		return FieldErrorf("retention", "retention must not be negative")
	}
	return CheckSecret(p.RelaySecret.Value, limits)
}

// Preset is a ready-made catalogue and format, so that a client written for that system need not name them.
type Preset struct {
	EventTypes []string
	Format     string
	Off        OffPolicy
}

// Presets returns the presets by name.
func Presets() map[string]Preset { return presets }

// presets is never written after start.
var presets = map[string]Preset{
	"webgme": {Format: "webgme", EventTypes: []string{
		"BRANCH_DELETED", "BRANCH_CREATED", "BRANCH_HASH_UPDATED", "TAG_DELETED", "TAG_CREATED", "COMMIT",
		"PROJECT_DELETED",
		"BRANCH_JOINED", "BRANCH_LEFT",
	}},
	"github": {Format: "github", EventTypes: []string{
		"branch_protection_rule", "check_run", "check_suite", "code_scanning_alert", "commit_comment", "create",
		"delete",
		"dependabot_alert", "deploy_key", "deployment", "deployment_status", "discussion", "discussion_comment", "fork",
		"gollum", "issue_comment", "issues", "label", "member", "membership", "merge_group", "meta", "milestone",
		"organization", "package", "page_build", "ping", "project", "public", "pull_request", "pull_request_review",
		"pull_request_review_comment", "pull_request_review_thread", "push", "registry_package", "release",
		"repository",
		"repository_dispatch", "repository_import", "repository_vulnerability_alert", "secret_scanning_alert",
		"security_advisory", "sponsorship", "star", "status", "team", "team_add", "watch", "workflow_dispatch",
		"workflow_job", "workflow_run",
	}},
	"yobi": {Format: "yobi", EventTypes: []string{
		"push", "NEW_ISSUE", "ISSUE_STATE_CHANGED", "ISSUE_ASSIGNEE_CHANGED", "ISSUE_BODY_CHANGED",
		"ISSUE_MILESTONE_CHANGED", "ISSUE_MOVED", "RESOURCE_DELETED", "NEW_POSTING", "NEW_COMMENT", "COMMENT_UPDATED",
		"NEW_PULL_REQUEST", "PULL_REQUEST_MERGED", "PULL_REQUEST_COMMIT_CHANGED", "PULL_REQUEST_REVIEW_STATE_CHANGED",
		"NEW_REVIEW_COMMENT",
	}},
	"netbeans": {Format: "netbeans", Off: OffPolicy{Policy: OffNetBeans, After: 10}, EventTypes: []string{
		"push", "scm", "role", "ticket", "issue", "comment",
	}},
}

// hasFeature says whether one of the hook's ticked features is the event's: the data's "feature" member (NetBeans'
// short name, e.g. git3), the event's type, or the type's part before the first dot.
func hasFeature(h *Hook, e *Event) bool {
	group, _, _ := strings.Cut(e.Type, ".")
	if slices.Contains(h.Features, e.Type) || slices.Contains(h.Features, group) {
		return true
	}
	var data struct {
		Feature string `json:"feature"`
	}
	return json.Unmarshal(e.Data(), &data) == nil && data.Feature != "" && slices.Contains(h.Features, data.Feature)
}

// Role is what a user may do in a project: each includes the one before.
type Role string

// The roles. RoleNone and a project that does not exist look the same from outside.
const (
	RoleNone  Role = ""
	RoleRead  Role = "read"  // see everything but secrets
	RoleWrite Role = "write" // change hooks and sources, publish, replay
	RoleAdmin Role = "admin" // members, settings, deletion
)

// Allows says whether role r includes what need asks for.
func (r Role) Allows(need Role) bool { return rank(r) >= rank(need) }

func rank(r Role) int {
	return slices.Index([]Role{RoleNone, RoleRead, RoleWrite, RoleAdmin}, r)
}

// User is somebody who can sign in.
type User struct {
	Key          int64     `json:"-"`
	Name         string    `json:"name"`
	PasswordHash string    `json:"-"` // argon2id, PHC string; "" when only tokens or single sign-on work
	Admin        bool      `json:"admin"`
	Disabled     bool      `json:"disabled,omitempty"`
	Subject      string    `json:"subject,omitempty"` // issuer and subject of an OpenID provider
	CreatedAt    time.Time `json:"createdAt"`
}

// Scope is what a token may do at most, within what its user may.
type Scope string

// The scopes: publish lets events in and nothing else, read sees, manage does everything its user may.
const (
	ScopePublish Scope = "publish"
	ScopeRead    Scope = "read"
	ScopeManage  Scope = "manage"
)

// Token is a bearer token. Only its hash is kept.
type Token struct {
	Key        int64     `json:"-"`
	ID         string    `json:"id"` // tok_…; not the secret
	UserKey    int64     `json:"-"`
	User       string    `json:"user"`
	Name       string    `json:"name"`
	Hash       []byte    `json:"-"` // SHA-256 of the token
	ProjectKey int64     `json:"-"` // 0: every project of its user
	Project    string    `json:"project,omitempty"`
	Scope      Scope     `json:"scope"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt,omitzero"`
}

// Session is a browser's sign-in. Only the hash of its cookie is kept.
type Session struct {
	Hash      []byte    `json:"-"`
	ID        string    `json:"id"`
	UserKey   int64     `json:"-"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Agent     string    `json:"agent"`
	Remote    string    `json:"remote"`
}

// Member is a user's role in a project.
type Member struct {
	User string `json:"user"`
	Role Role   `json:"role"`
}

// AuditEntry says who changed what.
type AuditEntry struct {
	Key     int64     `json:"id"`
	Time    time.Time `json:"time"`
	Project string    `json:"project,omitempty"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`  // e.g. hook.update
	Subject string    `json:"subject"` // e.g. the hook's id
	Detail  string    `json:"detail,omitempty"`
}

// Replay is a bulk job: it opens deliveries again, or makes them for a hook that did not exist when the events came.
type Replay struct {
	ID         string    `json:"id"` // rpl_…
	ProjectKey int64     `json:"-"`
	HookKey    int64     `json:"-"` // 0: every hook that was owed the event
	Hook       string    `json:"hook,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Type       string    `json:"type,omitempty"`  // a pattern
	State      State     `json:"state,omitempty"` // only deliveries in this state; "" also makes missing ones for Hook
	Status     string    `json:"status"`          // running, done, canceled
	Total      int64     `json:"total"`           // events to look at, as counted when it began
	Seen       int64     `json:"seen"`            // events looked at
	Opened     int64     `json:"opened"`          // deliveries opened
	Cursor     int64     `json:"-"`               // seq up to which events were looked at
	Last       int64     `json:"-"`               // seq at which it ends
	Actor      string    `json:"actor"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
}
