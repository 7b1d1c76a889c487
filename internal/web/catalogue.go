package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/catalogue"
	"github.com/hookyard/hookyard/internal/control"
)

// cataloguePage is where an owner manages the event types of all its projects.
type cataloguePage struct {
	base
	Owner    string
	Of       hookyard.Catalogue
	Types    []*hookyard.EventType
	New      typeForm
	Document string                 // that was to be imported
	Plan     []control.ImportedType // what an import of it would do
	Replace  bool
}

// typeForm is an event type as it is typed.
type typeForm struct {
	Name, Description, Group, Schema, Example, Flags string
	Archived, Deprecated                             bool
	Revision                                         string
}

func showCatalogue(v *visit) error { return v.catalogue(&cataloguePage{}, nil) }

func (v *visit) catalogue(p *cataloguePage, fault error) error {
	p.Owner = v.r.PathValue("owner")
	var err error
	if p.Of, err = v.web.o.Control.Catalogue(v.ctx(), v.id, p.Owner); err != nil {
		return err
	}
	q := hookyard.EventTypeQuery{Owner: p.Owner, Archived: true}
	if p.Types, err = v.web.o.Control.EventTypes(v.ctx(), v.id, q); err != nil {
		return err
	}
	if fault != nil {
		return v.showInvalid(fault, "Event types of "+p.Owner, p)
	}
	return v.show(http.StatusOK, "Event types of "+p.Owner, p)
}

// catalogueAction does what the pressed button of a form of the catalogue says.
func catalogueAction(v *visit) error {
	owner := v.r.PathValue("owner")
	switch v.get("do") {
	case "settings":
		_, err := v.web.o.Control.SetCatalogue(v.ctx(), v.id, owner, control.CataloguePatch{
			Mode: control.Value(hookyard.CatalogueMode(v.get("mode"))), Public: control.Value(v.has("public"))})
		if err != nil {
			return v.catalogue(&cataloguePage{}, err)
		}
		return v.redirect(join("owners", owner, "catalogue"), "saved")
	case "plan", "import":
		return v.importTypes(owner)
	case "add":
		in := v.readTypeForm()
		patch, err := in.patch()
		if err == nil {
			_, err = v.web.o.Control.CreateEventType(v.ctx(), v.id, owner, in.Name, patch)
		}
		if err != nil {
			return v.catalogue(&cataloguePage{New: in}, err)
		}
		return v.redirect(join("owners", owner, "catalogue", in.Name), "created")
	}
	return v.catalogue(&cataloguePage{}, hookyard.Errorf(hookyard.Invalid, "The form does not say what to do."))
}

// importTypes shows what the import of a document would do, or does it.
func (v *visit) importTypes(owner string) error {
	p := &cataloguePage{Document: v.form.Get("document"), Replace: v.has("replace")}
	in := control.EventTypeImport{Replace: p.Replace, DryRun: v.get("do") == "plan"}
	done, err := v.web.o.Control.ImportEventTypes(v.ctx(), v.id, owner, []byte(p.Document), in)
	var fault *hookyard.Error
	if errors.As(err, &fault) && (fault.Code == hookyard.Invalid || fault.Code == hookyard.TooLarge) {
		return v.catalogue(p, hookyard.FieldErrorf("document", "%s", fault.Message))
	}
	if err != nil {
		return err
	}
	if in.DryRun {
		p.Plan = done
		return v.catalogue(p, nil)
	}
	return v.redirect(join("owners", owner, "catalogue"), "saved")
}

// indented returns JSON with line breaks, to be edited.
func indented(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}

func (v *visit) readTypeForm() typeForm {
	return typeForm{Name: v.get("name"), Description: strings.ReplaceAll(v.get("description"), "\r\n", "\n"),
		Group: v.get("group"), Schema: v.get("schema"), Example: v.get("example"), Flags: v.get("featureFlags"),
		Archived: v.has("archived"), Deprecated: v.has("deprecated"), Revision: v.get("revision")}
}

// patch returns what the form sets.
func (f *typeForm) patch() (control.EventTypePatch, error) {
	out := control.EventTypePatch{Description: control.Value(f.Description), Group: control.Value(f.Group),
		Archived: control.Value(f.Archived), Deprecated: control.Value(f.Deprecated),
		FeatureFlags: control.Value(strings.Fields(strings.ReplaceAll(f.Flags, ",", " ")))}
	for _, one := range []struct {
		name, text string
		to         *control.Optional[json.RawMessage]
	}{{"schema", f.Schema, &out.Schema}, {"example", f.Example, &out.Example}} {
		if *one.to = control.Null[json.RawMessage](); one.text == "" {
			continue
		}
		if err := hookyard.CheckJSON([]byte(one.text), hookyard.MaxSchemaDepth); err != nil {
			return out, hookyard.FieldErrorf(one.name, "%s: %v", one.name, err)
		}
		*one.to = control.Value(json.RawMessage(one.text))
	}
	return out, nil
}

// eventTypePage is one event type, in a form for its owner.
type eventTypePage struct {
	base
	Owner    string
	Type     *hookyard.EventType
	Form     typeForm
	Versions int
}

func showEventType(v *visit) error { return v.eventType(nil, nil) }

// eventType shows an event type, with what was typed if form is not nil.
func (v *visit) eventType(form *typeForm, fault error) error {
	p := &eventTypePage{Owner: v.r.PathValue("owner")}
	var err error
	if p.Type, err = v.web.o.Control.EventType(v.ctx(), v.id, p.Owner, v.r.PathValue("name")); err != nil {
		return err
	}
	t := p.Type
	p.Versions = len(t.Schemas)
	if form != nil {
		p.Form = *form
	} else {
		p.Form = typeForm{Description: t.Description, Group: t.Group, Schema: indented(t.Schema()),
			Example: indented(t.Example), Flags: strings.Join(t.FeatureFlags, " "), Archived: t.Archived,
			Deprecated: t.Deprecated, Revision: strconv.FormatInt(t.Revision, 10)}
	}
	if fault != nil {
		return v.showInvalid(fault, t.Name, p)
	}
	return v.show(http.StatusOK, t.Name, p)
}

// eventTypeAction saves or deletes an event type.
func eventTypeAction(v *visit) error {
	owner, name := v.r.PathValue("owner"), v.r.PathValue("name")
	if v.get("do") == "delete" {
		if err := v.web.o.Control.DeleteEventType(v.ctx(), v.id, owner, name, 0); err != nil {
			return v.eventType(nil, err)
		}
		return v.redirect(join("owners", owner, "catalogue"), "deleted")
	}
	f := v.readTypeForm()
	patch, err := f.patch()
	if patch.Revision, _ = strconv.ParseInt(f.Revision, 10, 64); patch.Revision == 0 && err == nil {
		err = hookyard.Errorf(hookyard.Invalid, "The form does not say which revision it changes.")
	}
	if err == nil {
		err = v.keepVersions(&patch, owner, name)
	}
	if err == nil {
		_, err = v.web.o.Control.UpdateEventType(v.ctx(), v.id, owner, name, patch)
	}
	if err != nil {
		return v.eventType(&f, err)
	}
	return v.redirect(join("owners", owner, "catalogue", name), "saved")
}

// keepVersions makes the patch change only the version of the schema that the form shows.
func (v *visit) keepVersions(patch *control.EventTypePatch, owner, name string) error {
	t, err := v.web.o.Control.EventType(v.ctx(), v.id, owner, name)
	if err != nil || len(t.Schemas) < 2 {
		return err
	}
	all := maps.Clone(t.Schemas)
	schema, _ := patch.Schema.Get()
	if all[t.Version()] = schema; patch.Schema.IsNull() {
		delete(all, t.Version())
	}
	patch.Schema = control.Optional[json.RawMessage]{}
	patch.Schemas = control.Value(all)
	return nil
}

// typesPage is the documentation of an owner's event types for everybody.
type typesPage struct {
	base
	Owner  string
	Groups []typeGroup
	Count  int
}

// typeGroup is event types that are shown together.
type typeGroup struct {
	Name  string
	Types []*hookyard.EventType
}

func showPublicTypes(v *visit) error {
	p := &typesPage{Owner: v.r.PathValue("owner")}
	p.Tab = "event-types"
	find := func() ([]*hookyard.EventType, error) { return v.web.o.Control.PublicEventTypes(v.ctx(), p.Owner) }
	if v.portal != nil {
		find = func() ([]*hookyard.EventType, error) { return v.project.EventTypes(v.ctx(), hookyard.EventTypeQuery{}) }
	}
	found, err := find()
	if err != nil {
		return err
	}
	at := map[string]int{"": 0}
	p.Groups = []typeGroup{{}} // those without a group are first
	for _, t := range found {
		i, ok := at[t.Group]
		if !ok {
			i = len(p.Groups)
			at[t.Group] = i
			p.Groups = append(p.Groups, typeGroup{Name: t.Group})
		}
		p.Groups[i].Types = append(p.Groups[i].Types, t)
	}
	p.Count = len(found)
	title := "Webhooks of " + p.Owner
	if v.portal != nil {
		title = "Event types"
	}
	return v.show(http.StatusOK, title, p)
}

// typePage is the documentation of one event type.
type typePage struct {
	base
	Owner      string
	Type       *hookyard.EventType
	Properties []catalogue.Property
	Body       template.HTML // of an example
	Schema     template.HTML
}

func showPublicType(v *visit) error {
	p := &typePage{Owner: v.r.PathValue("owner")}
	p.Tab = "event-types"
	name := v.r.PathValue("name")
	var err error
	if v.portal != nil {
		p.Type, err = v.project.EventType(v.ctx(), name)
	} else {
		p.Type, err = v.web.o.Control.PublicEventType(v.ctx(), p.Owner, name)
	}
	if err != nil {
		return err
	}
	p.Properties = catalogue.Properties(p.Type)
	sample := hookyard.NewMeta(0, p.Type.Name, catalogue.Example(p.Type), time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	p.Body = prettyJSON(sample.Body)
	if schema := p.Type.Schema(); schema != nil {
		p.Schema = prettyJSON(schema)
	}
	return v.show(http.StatusOK, p.Type.Name, p)
}

// typesURL returns the URL of the documentation of an owner's event types, or of one of them, in a portal or outside.
func (b *base) typesURL(owner string, name ...string) string {
	if b.Portal != nil {
		return b.Href(append([]string{"event-types"}, name...)...)
	}
	return join(append([]string{"owners", owner, "event-types"}, name...)...)
}

// URL returns the URL of the documentation of an event type.
func (p *typesPage) URL(name string) string { return p.typesURL(p.Owner, name) }

// All returns the URL of the documentation of all event types.
func (p *typePage) All() string { return p.typesURL(p.Owner) }
