package web

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/internal/store"
)

// settingsPage is for a project's settings, members and tokens.
type settingsPage struct {
	base
	Form    settingsForm
	Members []hookyard.Member
	Tokens  []*hookyard.Token
	Formats []string
	Presets []string
	Who     string // of the form that sets a member's role
	WhoRole string

	Defaults []defaultHook // that every new project gets
	Lacking  int           // of them, those that this project has not
	Targets  []string      // private ones that the server may send to
}

// defaultHook is a hook that every new project gets.
type defaultHook struct {
	client.Hook
	Here bool // this project has one of its id
}

// settingsForm is what stands in the form of a project's settings.
type settingsForm struct {
	Description, Preset, EventTypes, Format, Relay, RelaySecret, Retention string
	ModelEvents, Public, AllowRequests, HasSecret                          bool
	edition
}

func showSettings(v *visit) error {
	return v.settings(&settingsPage{Form: settingsOf(v.view.Project)}, nil)
}

func settingsOf(p *hookyard.Project) settingsForm {
	f := settingsForm{Description: p.Description, Preset: p.Preset, EventTypes: strings.Join(p.EventTypes, "\n"),
		Format: p.Format, Relay: p.Relay,
		ModelEvents: p.ModelEvents, Public: p.Public, AllowRequests: p.AllowRequests,
		HasSecret: p.RelaySecret.Value != "", edition: editionOf(p.Revision)}
	if p.Retention > 0 {
		f.Retention = hookyard.FormatDuration(p.Retention)
	}
	return f
}

func (v *visit) settings(p *settingsPage, fault error) error {
	p.Tab, p.Formats, p.Presets = "settings", format.Names(), []string{"github", "netbeans", "webgme", "yobi"}
	var err error
	if p.Members, err = v.web.o.Store.Members(v.ctx(), v.key()); err != nil {
		return err
	}
	if p.Tokens, err = v.web.o.Store.Tokens(v.ctx(), 0, v.key()); err != nil {
		return err
	}
	if err := v.fillDefaults(p); err != nil {
		return err
	}
	p.Targets = v.web.o.Targets
	if fault != nil {
		return v.again(fault, "Settings", p)
	}
	return v.show(http.StatusOK, "Settings", p)
}

func (v *visit) fillDefaults(p *settingsPage) error {
	var all map[string]client.Hook
	if err := v.do(http.MethodGet, nil, &all, "default-hooks"); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		d := defaultHook{all[id], v.view.Hook(id) != nil}
		p.Defaults = append(p.Defaults, d)
		if !d.Here {
			p.Lacking++
		}
	}
	return nil
}

// addDefaults makes the default hooks that the project lacks.
func addDefaults(v *visit) error {
	if err := v.do(http.MethodPost, nil, nil, "default-hooks"); err != nil {
		return v.settings(&settingsPage{Form: settingsOf(v.view.Project)}, err)
	}
	return v.see(v.home("webhooks"), "created")
}

func saveSettings(v *visit) error {
	f := settingsForm{Description: v.get("description"), Preset: v.get("preset"), EventTypes: v.get("eventTypes"),
		Format: v.get("format"),
		Relay:  v.get("relay"), RelaySecret: v.form.Get("relaySecret"), Retention: v.get("retention"),
		ModelEvents: v.has("modelEvents"),
		Public:      v.has("public"), AllowRequests: v.has("allowRequests"),
		HasSecret: v.view.Project.RelaySecret.Value != "", edition: v.readEdition()}
	types := words(f.EventTypes)
	if types == nil {
		types = []string{}
	}
	in := map[string]any{"description": f.Description, "preset": f.Preset, "eventTypes": types, "format": f.Format,
		"relay":     f.Relay,
		"retention": "0s", "modelEvents": f.ModelEvents, "public": f.Public, "allowRequests": f.AllowRequests}
	if f.Retention != "" {
		if _, err := hookyard.ParseDuration(f.Retention); err != nil {
			return v.settings(&settingsPage{Form: f},
				hookyard.FieldErrorf("retention", "Write a duration such as 30d or 12h, or nothing for the server's."))
		}
		in["retention"] = f.Retention
	}
	if f.RelaySecret != "" {
		in["relaySecret"] = f.RelaySecret
	}
	if err := v.doAt(f.Revision, http.MethodPatch, in); err != nil {
		if err := v.renew(); err != nil {
			return err
		}
		f.overtaken(err, v.view.Project.Revision)
		return v.settings(&settingsPage{Form: f}, err)
	}
	return v.see(v.home("settings"), "saved")
}

func saveMember(v *visit) error {
	name := v.get("user")
	var err error
	switch {
	case name == "":
		err = hookyard.FieldErrorf("user", "Name a user.")
	case v.get("role") == "none":
		err = v.do(http.MethodDelete, nil, nil, "members", name)
	default:
		err = v.do(http.MethodPut, client.RoleGrant{Role: hookyard.Role(v.get("role"))}, nil, "members", name)
	}
	if hookyard.CodeOf(err) == hookyard.NotFound {
		err = hookyard.FieldErrorf("user", "There is no user of this name.")
	}
	if err != nil {
		return v.settings(&settingsPage{Form: settingsOf(v.view.Project), Who: name, WhoRole: v.get("role")}, err)
	}
	return v.see(v.home("settings"), "saved")
}

// removeProject deletes a project when its name was typed.
func removeProject(v *visit) error {
	if v.get("confirm") != v.view.Project.Path() {
		return v.settings(&settingsPage{Form: settingsOf(v.view.Project)},
			hookyard.FieldErrorf("confirm", "Type %s to delete the project.", v.view.Project.Path()))
	}
	if err := v.do(http.MethodDelete, nil, nil); err != nil {
		return err
	}
	return v.see("/", "deleted")
}

// export gives the project's settings, hooks and sources as the API shows them.
func export(v *visit) error {
	out := map[string]json.RawMessage{}
	for name, parts := range map[string][]string{"project": nil, "hooks": {"hooks"}, "sources": {"sources"},
		"members": {"members"}} {
		var one json.RawMessage
		if err := v.do(http.MethodGet, nil, &one, parts...); err != nil {
			return err
		}
		out[name] = one
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+v.view.Project.Owner+"-"+v.view.Project.Name+`.json"`)
	h.Set("Cache-Control", "no-store")
	return writeBody(v.w, v.r, http.StatusOK, b)
}

// auditPage says who changed what.
type auditPage struct {
	base
	Entries []hookyard.AuditEntry
	Older   string
}

func showAudit(v *visit) error {
	p := &auditPage{}
	p.Tab = "audit"
	before, _ := strconv.ParseInt(v.get("before"), 10, 64)
	var err error
	if p.Entries, err = v.web.o.Store.Audit(v.ctx(), v.key(), before, eventsShown+1); err != nil {
		return err
	}
	if len(p.Entries) > eventsShown {
		p.Entries = p.Entries[:eventsShown]
		p.Older = "?before=" + strconv.FormatInt(p.Entries[eventsShown-1].Key, 10)
	}
	for i := range p.Entries {
		p.Entries[i].Detail = hideURL(p.Entries[i].Detail)
	}
	return v.show(http.StatusOK, "Who changed what", p)
}

// statusPage is about the server.
type statusPage struct {
	base
	Nodes     []store.NodeInfo
	Database  string // with its version
	Schema    int
	Go        string
	Size      int64
	Events    int64 // that ever came
	Queues    dispatch.Stats
	Listeners int
	Late      []late
	Behind    int // hooks with something due
	Uptime    time.Duration
	Audit     []hookyard.AuditEntry
	Limits    hookyard.Limits
	Targets   []string
}

// late is a hook with something that should have been sent.
type late struct {
	Hook *hookyard.Hook
	By   time.Duration
}

// lateShown is how many of the late hooks are listed.
const lateShown = 20

func showStatus(v *visit) error {
	p := &statusPage{Queues: v.web.o.Stats(), Listeners: v.web.o.Listeners(), Uptime: time.Since(v.web.started),
		Limits:  v.web.o.Limits,
		Targets: v.web.o.Targets, Go: runtime.Version()}
	var err error
	if p.Database, p.Schema, err = v.web.o.Store.Version(v.ctx()); err != nil {
		return err
	}
	if _, p.Events, err = v.web.o.Store.Bounds(v.ctx(), 0); err != nil {
		return err
	}
	if p.Nodes, err = v.web.o.Store.Nodes(v.ctx()); err != nil {
		return err
	}
	if p.Size, err = v.web.o.Store.Size(v.ctx()); err != nil {
		return err
	}
	if err := v.fillLate(v.ctx(), p); err != nil {
		return err
	}
	if p.Audit, err = v.web.o.Store.Audit(v.ctx(), 0, 0, 20); err != nil {
		return err
	}
	return v.show(http.StatusOK, "Status", p)
}

func (v *visit) fillLate(ctx context.Context, p *statusPage) error {
	lag, err := v.web.o.Store.Lag(ctx, time.Now())
	if err != nil {
		return err
	}
	p.Behind = len(lag)
	for key, by := range lag {
		p.Late = append(p.Late, late{&hookyard.Hook{Key: key}, by})
	}
	slices.SortFunc(p.Late, func(a, b late) int { return int(b.By/time.Millisecond) - int(a.By/time.Millisecond) })
	p.Late = p.Late[:min(len(p.Late), lateShown)]
	for i := range p.Late {
		if p.Late[i].Hook, err = v.web.o.Store.HookByKey(ctx, p.Late[i].Hook.Key); err != nil {
			return err
		}
	}
	return nil
}
