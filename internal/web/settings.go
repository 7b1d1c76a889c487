package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/format"
)

// settingsPage is where a project's settings, members and default hooks are changed.
type settingsPage struct {
	base
	Form       settingsForm
	Members    []hookyard.Member
	Tokens     []*hookyard.Token
	Formats    []string
	Presets    []string
	MemberName string // this and MemberRole: the form that sets a member's role
	MemberRole string

	Defaults []defaultHook
	Lacking  int      // how many of the default hooks the project does not have
	Targets  []string // private addresses that the server may send to
}

// defaultHook is a hook that every new project is given.
type defaultHook struct {
	client.Hook
	Here bool // this project has a hook of its id
}

// settingsForm is the form of a project's settings, as it was filled in.
type settingsForm struct {
	Description, Preset, EventTypes, Format, Relay, RelaySecret, Retention string
	ModelEvents, Public, AllowRequests, HasSecret                          bool
	edition
}

func showSettings(v *visit) error {
	return v.settings(&settingsPage{Form: settingsOf(v.view.Project)}, nil)
}

func settingsOf(p *hookyard.Project) settingsForm {
	f := settingsForm{
		Description: p.Description, Preset: p.Preset, EventTypes: strings.Join(p.EventTypes, "\n"),
		Format: p.Format, Relay: p.Relay, HasSecret: p.RelaySecret.Value != "",
		ModelEvents: p.ModelEvents, Public: p.Public, AllowRequests: p.AllowRequests, edition: editionOf(p.Revision),
	}
	if p.Retention > 0 {
		f.Retention = hookyard.FormatDuration(p.Retention)
	}
	return f
}

func (v *visit) settings(p *settingsPage, fault error) error {
	p.Tab, p.Formats = "settings", format.Names()
	p.Presets = presets()
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
		return v.showInvalid(fault, "Settings", p)
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

// addDefaultHooks creates the default hooks that the project does not have.
func addDefaultHooks(v *visit) error {
	if err := v.do(http.MethodPost, nil, nil, "default-hooks"); err != nil {
		return v.settings(&settingsPage{Form: settingsOf(v.view.Project)}, err)
	}
	return v.redirect(v.home("webhooks"), "created")
}

func updateSettings(v *visit) error {
	f := settingsForm{
		Description: v.get("description"), Preset: v.get("preset"), EventTypes: v.get("eventTypes"),
		Format: v.get("format"), Relay: v.get("relay"), RelaySecret: v.form.Get("relaySecret"),
		HasSecret: v.view.Project.RelaySecret.Value != "", Retention: v.get("retention"),
		ModelEvents: v.has("modelEvents"), Public: v.has("public"), AllowRequests: v.has("allowRequests"),
		edition: v.readEdition(),
	}
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
		if err := v.reload(); err != nil {
			return err
		}
		f.noteConflict(err, v.view.Project.Revision)
		return v.settings(&settingsPage{Form: f}, err)
	}
	return v.redirect(v.home("settings"), "saved")
}

func setMember(v *visit) error {
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
		p := &settingsPage{Form: settingsOf(v.view.Project), MemberName: name, MemberRole: v.get("role")}
		return v.settings(p, err)
	}
	return v.redirect(v.home("settings"), "saved")
}

// deleteProject deletes a project if its name was typed in.
func deleteProject(v *visit) error {
	if v.get("confirm") != v.view.Project.Path() {
		return v.settings(&settingsPage{Form: settingsOf(v.view.Project)},
			hookyard.FieldErrorf("confirm", "Type %s to delete the project.", v.view.Project.Path()))
	}
	if err := v.do(http.MethodDelete, nil, nil); err != nil {
		return err
	}
	return v.redirect("/", "deleted")
}
