package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/api"
)

//go:embed templates
var templateFiles embed.FS

// base is what every page has; [visit.show] fills it.
type base struct {
	Title     string
	User      string // "" when nobody is signed in
	Admin     bool
	Dev       bool
	Project   *hookyard.Project // nil outside of projects
	Role      hookyard.Role
	Tab       string // of the project's, the one that is shown
	Note      string // what was just done
	Problem   *hookyard.Error
	Live      bool // the page has rows that come by themselves
	HasBins   bool
	SignOn    string // the OpenID provider's name, "" when there is none
	Version   string
	BaseURL   string
	Theme     string // light, dark, or "" for what the browser prefers
	Here      string // address of the page, to come back to
	Said      bool   // a field of the page says what the problem is
	assets    map[string]*asset
	signInURL string
}

func (b *base) shared() *base { return b }

// page is a struct that embeds base.
type page interface{ shared() *base }

// Href is the address of a page of the project.
func (b *base) Href(parts ...string) string {
	return join(append([]string{b.Project.Owner, b.Project.Name}, parts...)...)
}

// Asset is the address of an embedded file.
func (b *base) Asset(name string) string { return b.assets[name].url }

// SignIn is the address to sign in at and come back from.
func (b *base) SignIn() string { return b.signInURL }

// Tabs are the pages of a project, with their titles.
func (b *base) Tabs() [][2]string {
	tabs := [][2]string{{"project", "Overview"}, {"events", "Events"}, {"deliveries", "Deliveries"},
		{"webhooks", "Hooks"},
		{"sources", "Sources"}, {"replays", "Replays"}, {"audit", "Changes"}}
	if b.MayAdmin() {
		tabs = append(tabs, [2]string{"settings", "Settings"})
	}
	return tabs
}

// NextTheme is what the button chooses: dark, light, and the browser's again.
func (b *base) NextTheme() string {
	switch b.Theme {
	case "":
		return "dark"
	case "dark":
		return "light"
	}
	return "auto"
}

// MayWrite says whether to show what changes things.
func (b *base) MayWrite() bool { return b.Role.Allows(hookyard.RoleWrite) }

// MayAdmin says whether to show settings and members.
func (b *base) MayAdmin() bool { return b.Role.Allows(hookyard.RoleAdmin) }

// Fault is what is wrong with a field, or "".
func (b *base) Fault(field string) string {
	if b.Problem == nil || b.Problem.Field != field {
		return ""
	}
	return b.Problem.Message
}

// Say is Fault, for where it is shown.
func (b *base) Say(field string) string {
	s := b.Fault(field)
	b.Said = b.Said || s != ""
	return sentence(s)
}

// Faulty gives the attributes of a control whose field, or one of them, is wrong.
func (b *base) Faulty(fields ...string) template.HTMLAttr {
	for _, field := range fields {
		if b.Fault(field) != "" {
			return template.HTMLAttr(`aria-invalid="true" aria-describedby="fault-` + template.HTMLEscapeString(field) +
				`"`)
		}
	}
	return ""
}

// loadPages parses a template for each page, with the layout and the parts that pages share.
func (w *Web) loadPages() (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/shared/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]*template.Template{}
	for _, p := range pages() {
		name := nameOf(p)
		t, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if out[name], err = t.ParseFS(templateFiles, "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if out[strings.TrimSuffix(path.Base(f), ".html")] == nil {
			return nil, fmt.Errorf("template %s belongs to no page", f)
		}
	}
	return out, nil
}

// nameOf is the name of a page's template: events for *eventsPage.
func nameOf(p page) string {
	return strings.ToLower(strings.TrimSuffix(reflect.TypeOf(p).Elem().Name(), "Page"))
}

// show answers with a page.
func (v *visit) show(status int, title string, p page) error {
	b := p.shared()
	v.fill(b, title)
	var out bytes.Buffer
	name := "layout"
	if v.form.Get("part") != "" && v.web.pages[nameOf(p)].Lookup("part") != nil {
		name = "part"
	}
	if b.Problem != nil { // the page is shown twice: the first time tells whether a field says what is wrong
		if err := v.web.pages[nameOf(p)].ExecuteTemplate(io.Discard, "content", p); err != nil {
			return fmt.Errorf("page %s: %w", nameOf(p), err)
		}
	}
	if err := v.web.pages[nameOf(p)].ExecuteTemplate(&out, name, p); err != nil {
		return fmt.Errorf("page %s: %w", nameOf(p), err)
	}
	return v.reply(status, out.Bytes())
}

func (v *visit) fill(b *base, title string) {
	b.Title, b.Dev, b.Version, b.BaseURL, b.assets = title, v.web.o.Dev, v.web.o.Version, v.web.o.BaseURL, v.web.assets
	b.HasBins = v.web.o.Bins != nil
	if v.web.o.SignOn != nil {
		b.SignOn = v.web.o.SignOn.Host()
	}
	b.Theme, b.Here = v.theme(), v.returnURL()
	b.signInURL = "/login?next=" + template.URLQueryEscaper(b.Here)
	if v.id != nil && !v.id.Guest {
		b.User, b.Admin = v.id.User.Name, v.id.IsAdmin()
	}
	if v.view != nil {
		b.Project, b.Role = v.view.Project, v.role
	}
	if b.Problem == nil {
		b.Note = noteOf(v.form.Get("done"))
	}
}

// returnURL is the address to return to after signing in.
func (v *visit) returnURL() string {
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/login" {
		return v.r.URL.RequestURI()
	}
	return "/"
}

// showInvalid shows a form anew with what was typed and what is wrong with it; what is no fault of the form is passed on.
func (v *visit) showInvalid(err error, title string, p page) error {
	var e *hookyard.Error
	if !errors.As(err, &e) || e.Code == hookyard.Unauthenticated || e.Code == hookyard.Forbidden && e.Field == "" {
		return err
	}
	p.shared().Problem = e
	status := api.StatusOf(e.Code)
	if e.Code == hookyard.Conflict || e.Code == hookyard.NotFound {
		status = http.StatusBadRequest
	}
	return v.show(status, title, p)
}

// notes are the sentences that a page may begin with after something was done. The address names one, so that nobody
// else's words can stand there.
func noteOf(name string) string {
	switch name {
	case "saved":
		return "Saved."
	case "created":
		return "Created."
	case "deleted":
		return "Deleted."
	case "tested":
		return "A test event is on its way; its delivery is the first below."
	case "on":
		return "The hook is on."
	case "off":
		return "The hook is off. What it misses is kept and can be caught up on."
	case "replayed":
		return "On its way again."
	case "replaying":
		return "The replay is running; this page shows its progress."
	case "canceled":
		return "Canceled."
	case "published":
		return "Published."
	case "in":
		return "Signed in."
	case "out":
		return "Signed out."
	case "ended":
		return "The session has ended."
	case "revoked":
		return "The token is revoked."
	case "linked":
		return "The account is yours to sign in with."
	case "unlinked":
		return "The account does not sign you in any more."
	case "password":
		return "The password is changed. Your other sessions have ended."
	}
	return ""
}
