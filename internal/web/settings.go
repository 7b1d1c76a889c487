package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
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

	Fields []hookyard.SearchFieldState
	Limits []limitRow

	Defaults []defaultHook
	Lacking  int      // how many of the default hooks the project does not have
	Targets  []string // private addresses that the server may send to
}

// defaultHook is a hook that every new project is given.
type defaultHook struct {
	*hookyard.Hook
	Here bool // this project has a hook of its id
}

// settingsForm is the form of a project's settings, as it was filled in.
type settingsForm struct {
	Description, Preset, EventTypes, Format, Relay, RelaySecret, Retention string
	SearchFields                                                           string
	ModelEvents, Public, AllowRequests, HasSecret                          bool
	edition
}

// Advanced reports whether the rarer settings are unfolded: one of them is set, or has a problem.
func (f *settingsForm) Advanced(problems []*hookyard.Error) bool {
	return f.Relay != "" && f.Relay != "off" || f.ModelEvents || f.AllowRequests ||
		slices.ContainsFunc(problems, func(e *hookyard.Error) bool { return strings.HasPrefix(e.Field, "relay") })
}

func showSettings(v *visit) error {
	return v.settings(&settingsPage{Form: settingsOf(v.project.Snapshot.Project)}, nil)
}

func settingsOf(p *hookyard.Project) settingsForm {
	f := settingsForm{
		Description: p.Description, Preset: p.Preset, EventTypes: strings.Join(p.EventTypes, "\n"),
		Format: p.Format, Relay: p.Relay, HasSecret: p.RelaySecret.Value != "",
		ModelEvents: p.ModelEvents, Public: p.Public, AllowRequests: p.AllowRequests, edition: editionOf(p.Revision),
	}
	f.SearchFields = strings.Join(p.SearchFields, "\n")
	if p.Retention > 0 {
		f.Retention = hookyard.FormatDuration(p.Retention)
	}
	return f
}

func (v *visit) settings(p *settingsPage, fault error) error {
	p.Tab, p.Formats = "settings", format.Names()
	p.Presets = presets()
	var err error
	if p.Members, err = v.project.Members(v.ctx()); err != nil {
		return err
	}
	if p.Tokens, err = v.project.Tokens(v.ctx()); err != nil {
		return err
	}
	if p.Fields, err = v.project.SearchFields(v.ctx()); err != nil {
		return err
	}
	if err := v.fillLimits(p); err != nil {
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
	hooks, err := v.project.DefaultHooks()
	if err != nil {
		return err
	}
	slices.SortFunc(hooks, func(a, b *hookyard.Hook) int { return strings.Compare(a.ID, b.ID) })
	for _, h := range hooks {
		d := defaultHook{h, v.project.Snapshot.Hook(h.ID) != nil}
		p.Defaults = append(p.Defaults, d)
		if !d.Here {
			p.Lacking++
		}
	}
	return nil
}

// addDefaultHooks creates the default hooks that the project does not have.
func addDefaultHooks(v *visit) error {
	if err := v.project.AddDefaultHooks(v.ctx()); err != nil {
		return v.settings(&settingsPage{Form: settingsOf(v.project.Snapshot.Project)}, err)
	}
	return v.redirect(v.home("webhooks"), "created")
}

func updateSettings(v *visit) error {
	f := settingsForm{
		Description: v.get("description"), Preset: v.get("preset"), EventTypes: v.get("eventTypes"),
		Format: v.get("format"), Relay: v.get("relay"), RelaySecret: v.form.Get("relaySecret"),
		HasSecret: v.project.Snapshot.Project.RelaySecret.Value != "", Retention: v.get("retention"),
		ModelEvents: v.has("modelEvents"), Public: v.has("public"), AllowRequests: v.has("allowRequests"),
		SearchFields: v.get("searchFields"), edition: v.readEdition(),
	}
	in, err := f.patch()
	if err != nil {
		return v.settings(&settingsPage{Form: f}, err)
	}
	if _, err := v.project.Update(v.ctx(), in); err != nil {
		if err := v.project.Reload(v.ctx()); err != nil {
			return err
		}
		f.noteConflict(err, v.project.Snapshot.Project.Revision)
		return v.settings(&settingsPage{Form: f}, err)
	}
	return v.redirect(v.home("settings"), "saved")
}

// patch returns what the form sets. Empty fields are the defaults.
func (f *settingsForm) patch() (in control.ProjectPatch, err error) {
	in = control.ProjectPatch{
		Description:   control.Value(f.Description),
		Preset:        control.Value(f.Preset),
		EventTypes:    control.Value(control.EventTypes(words(f.EventTypes))),
		Format:        control.Value(f.Format),
		Relay:         control.Value(f.Relay),
		Retention:     control.Null[hookyard.Duration](),
		ModelEvents:   control.Value(f.ModelEvents),
		Public:        control.Value(f.Public),
		AllowRequests: control.Value(f.AllowRequests),
		SearchFields:  control.Value(words(f.SearchFields)),
	}
	if f.Retention != "" {
		d, err := hookyard.ParseDuration(f.Retention)
		if err != nil {
			return in, hookyard.FieldErrorf("retention",
				"Write a duration such as 30d or 12h, or leave the field empty for the server's.")
		}
		in.Retention = control.Value(hookyard.Duration(d))
	}
	if f.RelaySecret != "" {
		in.RelaySecret = control.Value(f.RelaySecret)
	}
	in.Revision, err = f.revision()
	return in, err
}

func setMember(v *visit) error {
	name := v.get("user")
	var err error
	switch {
	case name == "":
		err = hookyard.FieldErrorf("user", "Name a user.")
	case v.get("role") == "none":
		err = v.project.RemoveMember(v.ctx(), name)
	default:
		_, err = v.project.SetMember(v.ctx(), name, hookyard.Role(v.get("role")))
	}
	if hookyard.CodeOf(err) == hookyard.NotFound {
		err = hookyard.FieldErrorf("user", "There is no user with this name.")
	}
	if err != nil {
		p := &settingsPage{Form: settingsOf(v.project.Snapshot.Project), MemberName: name, MemberRole: v.get("role")}
		return v.settings(p, err)
	}
	return v.redirect(v.home("settings"), "saved")
}

// deleteProject deletes a project if its name was typed in.
func deleteProject(v *visit) error {
	if v.get("confirm") != v.project.Snapshot.Project.Path() {
		return v.settings(&settingsPage{Form: settingsOf(v.project.Snapshot.Project)},
			hookyard.FieldErrorf("confirm", "Type %s to delete the project.", v.project.Snapshot.Project.Path()))
	}
	if err := v.project.Delete(v.ctx(), 0); err != nil {
		return err
	}
	return v.redirect("/", "deleted")
}
