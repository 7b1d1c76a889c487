package hookyard

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Project is a project, owner/name. Every hook, source and event belongs to one. Names preserve case but are compared
// without it. Loaded projects are shared between goroutines and must not be modified.
type Project struct {
	Key           int64
	Owner         string
	Name          string
	UID           string // another name that the owner chose, unique among theirs and changeable; "" for none
	Title         string // for people, in any letters; "" means the name
	Description   string
	Metadata      map[string]string // the owner's own, which hookyard only keeps
	Preset        string            // "webgme", "github", "yobi", "netbeans" or ""
	EventTypes    []string          // its catalogue; empty means the preset's, or any
	Rate          float64           // attempts a second of its hooks that set none; 0 means no limit
	Format        string            // default of its hooks; "" means the preset's, or else raw
	Relay         string            // who may use the project's relay: RelayOff and so on
	RelaySecret   Secret            // verifies signals when Relay is RelaySigned
	ModelEvents   bool              // a Git push also publishes COMMIT, BRANCH_… and TAG_… events
	Retention     time.Duration     // of event bodies; 0 means the server's default
	Public        bool              // anyone may read
	AllowRequests bool              // publishers may name webhooks in their messages
	SearchFields  []string          // paths to the values by which events are found at once
	Unreadable    bool              // the stored RelaySecret cannot be opened
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

// Catalogue returns the event types that a hook may select; empty means any.
func (p *Project) Catalogue() []string {
	if len(p.EventTypes) > 0 {
		return p.EventTypes
	}
	if preset, ok := Presets()[p.Preset]; ok {
		return preset.EventTypes
	}
	return nil
}

// The values of Project.Relay: off; signals signed as by GitHub; a token; anyone.
const (
	RelayOff    = "off"
	RelaySigned = "signed"
	RelayToken  = "token"
	RelayOpen   = "open"
)

// Validate returns an [Invalid] error if a field of the project cannot work.
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
	if len(p.Title) > limits.Description || !printableText(p.Title) {
		return FieldErrorf("title", "title is over %d bytes (setting: --max-description) or holds control characters",
			limits.Description)
	}
	if err := cmp.Or(CheckUID(p.UID), CheckMetadata(p.Metadata), p.checkSearchFields()); err != nil {
		return err
	}
	if p.Rate < 0 || p.Rate > maxRate || p.Rate != p.Rate {
		return FieldErrorf("rate", "rate must be between 0 (no limit) and %d attempts a second", maxRate)
	}
	if p.Retention < 0 {
		return FieldErrorf("retention", "retention must not be negative")
	}
	return CheckSecret(p.RelaySecret.Value, limits)
}

// MaxSearchFields is how many search fields a project may have.
const MaxSearchFields = 8

func (p *Project) checkSearchFields() error {
	const field = "searchFields"
	if len(p.SearchFields) > MaxSearchFields {
		return FieldErrorf(field, "searchFields holds %d paths, at most %d are allowed", len(p.SearchFields),
			MaxSearchFields)
	}
	for i, path := range p.SearchFields {
		if err := CheckFieldPath(field, path); err != nil {
			return err
		}
		if slices.Contains(p.SearchFields[:i], path) {
			return FieldErrorf(field, "searchFields holds %s twice", path)
		}
	}
	return nil
}

// SearchFieldState is how far a search field has been filled in.
type SearchFieldState struct {
	Path     string  `json:"path"`
	Ready    bool    `json:"ready" doc:"searches use it; until then they read bodies"`
	Filled   int64   `json:"filled" doc:"events from before the field that were looked into"`
	Progress float64 `json:"progress" doc:"from 0 to 1, of the events from before the field"`
	TooLarge int64   `json:"tooLarge" doc:"events whose body is over --max-decode, which the field does not find"`
}

// Percent returns the progress in whole percent.
func (s *SearchFieldState) Percent() int { return int(100 * s.Progress) }

// Preset is the catalogue and format of another system, so that its clients need not set them.
type Preset struct {
	EventTypes []string
	Closed     bool // the system has no other event types
	Format     string
	Off        OffPolicy
}

// Presets returns the presets by name. The map must not be modified.
func Presets() map[string]Preset { return presets }

var presets = map[string]Preset{
	"webgme": {Format: "webgme", Closed: true, EventTypes: []string{
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
	"yobi": {Format: "yobi", Closed: true, EventTypes: []string{
		"push", "NEW_ISSUE", "ISSUE_STATE_CHANGED", "ISSUE_ASSIGNEE_CHANGED", "ISSUE_BODY_CHANGED",
		"ISSUE_MILESTONE_CHANGED", "ISSUE_MOVED", "RESOURCE_DELETED", "NEW_POSTING", "NEW_COMMENT", "COMMENT_UPDATED",
		"NEW_PULL_REQUEST", "PULL_REQUEST_MERGED", "PULL_REQUEST_COMMIT_CHANGED", "PULL_REQUEST_REVIEW_STATE_CHANGED",
		"NEW_REVIEW_COMMENT",
	}},
	"netbeans": {Format: "netbeans", Off: OffPolicy{Policy: OffNetBeans, After: 10}, EventTypes: []string{
		"push", "scm", "role", "ticket", "issue", "comment",
	}},
}

// emits reports whether events of type t are among all events of the project, as a hook understands it. With a preset
// they are those of its system: a push that also publishes model events must not reach WebGME's hooks twice.
func (p *Project) emits(t string) bool {
	preset, ok := presets[p.Preset]
	switch {
	case !ok, slices.Contains(preset.EventTypes, t), slices.Contains(p.EventTypes, t):
		return true
	case preset.Closed:
		return false
	}
	return !slices.Contains(presets["webgme"].EventTypes, t)
}

// typeSCM is NetBeans' name for a push.
const typeSCM = "scm"

// isSCM reports whether events of type t are scm events in the project.
func (p *Project) isSCM(t string) bool { return p.Preset == "netbeans" && t == "push" }

// hasFeature reports whether the hook selects the feature of the event: the member "feature" of its data (the short
// name that NetBeans uses, such as git3), its type, or the part of the type before the first dot.
func hasFeature(h *Hook, e *Event) bool {
	group, _, _ := strings.Cut(e.Type, ".")
	if slices.Contains(h.Features, e.Type) || slices.Contains(h.Features, group) {
		return true
	}
	var data struct {
		Feature string `json:"feature"`
	}
	return json.Unmarshal(e.Payload(), &data) == nil && data.Feature != "" && slices.Contains(h.Features, data.Feature)
}

// Role is what a user may do in a project. Each role includes the lower ones.
type Role string

// The roles, from the lowest. To a user without a role, a project looks as if it did not exist.
const (
	RoleNone  Role = ""
	RoleRead  Role = "read"  // see everything but secrets
	RoleWrite Role = "write" // change hooks and sources, publish, replay
	RoleAdmin Role = "admin" // members, settings, deletion
)

// The roles of portal sessions, which no user can have. RoleRead includes RolePortalRead, RoleWrite both. They include
// none of the others.
const (
	RolePortalRead Role = "portal-read" // see hooks, without secrets, deliveries and attempts
	RolePortal     Role = "portal"      // change what a hook is for and where it sends, retry, replay
)

// Allows reports whether r includes the required role.
func (r Role) Allows(required Role) bool {
	switch required {
	case RolePortalRead:
		return r == RolePortalRead || r == RolePortal || rank(r) >= rank(RoleRead)
	case RolePortal:
		return r == RolePortal || rank(r) >= rank(RoleWrite)
	}
	return rank(r) >= rank(required)
}

// rank returns -1 for a role that is not one of a user.
func rank(r Role) int {
	return slices.Index([]Role{RoleNone, RoleRead, RoleWrite, RoleAdmin}, r)
}

// User is a user account.
type User struct {
	Key          int64     `json:"-"`
	Name         string    `json:"name"`
	PasswordHash string    `json:"-"` // argon2id, PHC string; "" if only tokens or single sign-on work
	Admin        bool      `json:"admin"`
	Disabled     bool      `json:"disabled,omitempty"`
	Subject      string    `json:"subject,omitempty"` // issuer and subject at an OpenID provider
	CreatedAt    time.Time `json:"createdAt"`
	InvitedUntil time.Time `json:"invitedUntil,omitzero"` // when the link to choose a password expires; zero: no link
	SecondFactor bool      `json:"secondFactor,omitempty"`
	RevokeTokens bool      `json:"-"` // of a change: delete the user's tokens, too
}

// Link is a link by which a user without a password may choose one, once. Only its hash is stored. It gives no other
// right.
type Link struct {
	UserKey   int64
	Hash      []byte // SHA-256 of the secret in it
	ExpiresAt time.Time
}

// Scope limits a token to a part of what its user may do.
type Scope string

// The scopes: only publish events; only read; everything that the user may do.
const (
	ScopePublish Scope = "publish"
	ScopeRead    Scope = "read"
	ScopeManage  Scope = "manage"
)

// Token is a bearer token. Only its hash is stored.
type Token struct {
	Key        int64     `json:"-"`
	ID         string    `json:"id"` // tok_…; not the secret
	UserKey    int64     `json:"-"`
	User       string    `json:"user"`
	Name       string    `json:"name"`
	Hash       []byte    `json:"-"` // SHA-256 of the token
	ProjectKey int64     `json:"-"` // 0 means every project of the user
	Project    string    `json:"project,omitempty"`
	Scope      Scope     `json:"scope"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt,omitzero"`
}

// Session is a browser's session. Only the hash of its cookie is stored.
type Session struct {
	Hash      []byte    `json:"-"`
	ID        string    `json:"id"`
	UserKey   int64     `json:"-"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Agent     string    `json:"agent"`
	Remote    string    `json:"remote"`
	Means     string    `json:"means"` // how the user proved who they are
}

// GroupPrefix begins the name of a member that is a group of the OpenID provider. The name of a user has no colon.
const GroupPrefix = "group:"

// Member is the role of a user or group in a project.
type Member struct {
	User string `json:"user"` // the user's name, or "group:" and the group's
	Role Role   `json:"role"`
}

// AuditQuery selects entries of the audit log, the newest first. A zero field does not restrict them.
type AuditQuery struct {
	ProjectKey int64 // 0 is what was changed outside of projects
	Everywhere bool  // in all projects and outside of them
	Actor      string
	Action     string // a name or a pattern with *
	Since      time.Time
	Until      time.Time
	Before     int64 // entries with a lower key
	After      int64 // entries with a higher key
	Oldest     bool  // the oldest are first
	Limit      int
}

// AuditEntry records who changed what.
type AuditEntry struct {
	Key        int64     `json:"id"`
	Time       time.Time `json:"time"`
	ProjectKey int64     `json:"-"`                 // 0: outside of projects
	Project    string    `json:"project,omitempty"` // owner/name
	Actor      string    `json:"actor"`
	Action     string    `json:"action"`  // for example hook.update
	Subject    string    `json:"subject"` // for example the id of the hook
	Detail     string    `json:"detail,omitempty"`
}
