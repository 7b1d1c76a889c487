package web

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/inbound"
)

//go:embed templates
var templateFiles embed.FS

// base is the data that every page has. [visit.show] fills it.
type base struct {
	Title     string
	User      string // "" for a guest
	Admin     bool
	Dev       bool
	Project   *hookyard.Project // nil on a page outside of projects
	Role      hookyard.Role
	Tab       string // the tab of the project that the page belongs to
	Note      string // what was just done
	Problems  []*hookyard.Error
	Live      bool // new rows appear without a reload
	HasBins   bool
	SignOn    string // the host of the OpenID provider, or ""
	Passkeys  bool   // can be used on this server
	Version   string
	BaseURL   string
	Portal    *portalView     // nil outside of portals
	Theme     string          // light, dark, or "" for what the browser prefers
	Here      string          // URL of the page, to return to
	said      map[string]bool // fields of the page that show their problem
	focused   bool            // a control has got the focus
	assets    map[string]*asset
	signInURL string
}

func (b *base) shared() *base { return b }

// page is a struct that embeds base.
type page interface{ shared() *base }

// Href returns the URL of a page of the project.
func (b *base) Href(parts ...string) string { return homeOf(b.Portal, b.Project, parts) }

// homeOf returns the URL of a page of a project, or of its portal.
func homeOf(portal *portalView, p *hookyard.Project, parts []string) string {
	home := join(append([]string{p.Owner, p.Name}, parts...)...)
	if portal != nil {
		home = strings.TrimSuffix(portalPrefix, "/") + home
	}
	return home
}

// Asset returns the URL of an embedded file.
func (b *base) Asset(name string) string { return b.assets[name].url }

// SignIn returns the URL of the sign-in page that leads back here.
func (b *base) SignIn() string { return b.signInURL }

// Tabs returns the tabs of a project and their titles.
func (b *base) Tabs() [][2]string {
	if b.Portal != nil {
		return b.portalTabs()
	}
	tabs := [][2]string{{"project", "Overview"}, {"events", "Events"}, {"deliveries", "Deliveries"},
		{"webhooks", "Hooks"},
		{"sources", "Sources"}, {"replays", "Replays"}, {"audit", "Audit log"}}
	if b.MayAdmin() {
		tabs = append(tabs, [2]string{"settings", "Settings"})
	}
	return tabs
}

// NextTheme returns the theme that the button switches to: dark, then light, then the browser's.
func (b *base) NextTheme() string {
	switch b.Theme {
	case "":
		return "dark"
	case "dark":
		return "light"
	}
	return "auto"
}

// Shows reports whether the page may show a part that portals can hide.
func (b *base) Shows(part string) bool { return b.Portal == nil || b.Portal.Shows(part) }

// MayWrite reports whether the user may change hooks, sources and events, or the customer the hooks.
func (b *base) MayWrite() bool { return b.Role.Allows(hookyard.RolePortal) }

// MayAdmin reports whether the user may see and change settings and members.
func (b *base) MayAdmin() bool { return b.Role.Allows(hookyard.RoleAdmin) }

// Fault returns what is wrong with a field, or "".
func (b *base) Fault(field string) string {
	for _, one := range b.Problems {
		if one.Field == field && field != "" {
			return one.Message
		}
	}
	return ""
}

// FieldProblems returns the problems that the page shows at their fields.
func (b *base) FieldProblems() []*hookyard.Error {
	return slices.DeleteFunc(slices.Clone(b.Problems), func(e *hookyard.Error) bool { return !b.said[e.Field] })
}

// OtherProblems returns the other problems.
func (b *base) OtherProblems() []*hookyard.Error {
	return slices.DeleteFunc(slices.Clone(b.Problems), func(e *hookyard.Error) bool { return b.said[e.Field] })
}

// Say returns Fault as a sentence and records that the page shows it.
func (b *base) Say(field string) string {
	s := b.Fault(field)
	if s != "" {
		b.said[field] = true
	}
	return b.Portal.say(sentence(s))
}

// Faulty returns the attributes of a control if one of its fields is wrong. The first such control gets the focus.
func (b *base) Faulty(fields ...string) template.HTMLAttr {
	for _, field := range fields {
		if b.Fault(field) == "" {
			continue
		}
		name := template.HTMLEscapeString(field)
		attrs := `id="field-` + name + `" aria-invalid="true" aria-describedby="fault-` + name + `"`
		if !b.focused {
			b.focused = true
			attrs += " autofocus"
		}
		return template.HTMLAttr(attrs)
	}
	return ""
}

// parsePages parses the template of each page together with the layout and the shared templates.
func parsePages(all []page) (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/shared/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]*template.Template{}
	for _, p := range all {
		name := nameOf(p)
		t, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if out[name], err = t.ParseFS(templateFiles, "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
	}
	return out, nil
}

// loadPages parses the templates of all pages. It fails if one belongs to no page.
func loadPages() (map[string]*template.Template, error) {
	out, err := parsePages(pages())
	if err != nil {
		return nil, err
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

// nameOf returns the name of a page's template: events for *eventsPage.
func nameOf(p page) string {
	return strings.ToLower(strings.TrimSuffix(reflect.TypeOf(p).Elem().Name(), "Page"))
}

// show answers with a page.
func (v *visit) show(status int, title string, p page) error {
	b := p.shared()
	v.fill(b, title)
	var out bytes.Buffer
	name := "layout"
	if v.portal != nil {
		name = "portal"
	}
	pages := v.web.pages
	if v.portal != nil {
		var err error
		if pages, err = v.web.portals[v.portal.Lang](); err != nil {
			return err
		}
	}
	if v.form.Get("part") != "" && pages[nameOf(p)].Lookup("part") != nil {
		name = "part"
	}
	if len(b.Problems) > 0 { // render it twice: only then does the head of the page know which fields show a problem
		b.said = map[string]bool{}
		if err := pages[nameOf(p)].ExecuteTemplate(io.Discard, "content", p); err != nil {
			return fmt.Errorf("page %s: %w", nameOf(p), err)
		}
		b.focused = false
	}
	if err := pages[nameOf(p)].ExecuteTemplate(&out, name, p); err != nil {
		return fmt.Errorf("page %s: %w", nameOf(p), err)
	}
	return v.reply(status, v.web.underPrefix(out.Bytes()))
}

// paths matches the attributes of templates whose value is a path on this server. In text that comes from users,
// quotation marks are escaped.
var paths = regexp.MustCompile(
	`( (?:href|src|action|formaction|data-poll|data-stream|data-rows|data-options)="/)([^/])`)

// underPrefix adds the path of --base-url to the links of a page: pages and what they redirect to know nothing of it.
func (w *Web) underPrefix(page []byte) []byte {
	if w.prefix == "" {
		return page
	}
	return paths.ReplaceAll(page, []byte("${1}"+w.prefix[1:]+"/${2}"))
}

func (v *visit) fill(b *base, title string) {
	b.Title = v.portal.say(title)
	b.Dev, b.Version = v.web.o.Dev, v.web.o.Version
	b.BaseURL, b.assets = v.web.o.BaseURL, v.web.assets
	b.HasBins, b.Passkeys = v.web.o.Bins != nil, v.web.o.Control.Passkeys()
	if v.web.o.SignOn != nil {
		b.SignOn = v.web.o.SignOn.Host()
	}
	b.Portal, b.Here = v.portal, v.returnURL()
	if b.Theme = v.theme(); v.portal != nil {
		b.Theme = v.portal.Look.Theme
	}
	b.signInURL = "/login?next=" + template.URLQueryEscaper(b.Here)
	if v.id != nil && !v.id.Guest {
		b.User, b.Admin = v.id.User.Name, v.id.IsAdmin()
	}
	if v.project != nil {
		b.Project, b.Role = v.project.Snapshot.Project, v.project.Role
	}
	if len(b.Problems) == 0 {
		b.Note = v.portal.say(noteOf(v.form.Get("done")))
	}
}

// returnURL returns where to go after signing in.
func (v *visit) returnURL() string {
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/login" {
		return v.r.URL.RequestURI()
	}
	return "/"
}

// showInvalid shows a form again, with what was typed and what is wrong with it. It returns an error that no change to
// the form can mend.
func (v *visit) showInvalid(err error, title string, p page) error {
	inbound.SetRetryAfter(v.w.Header(), err)
	var e *hookyard.Error
	if !errors.As(err, &e) || e.Code == hookyard.Unauthenticated || e.Code == hookyard.Forbidden && e.Field == "" {
		return err
	}
	p.shared().Problems = problems(err)
	status := e.Code.Status()
	if e.Code == hookyard.Conflict || e.Code == hookyard.NotFound {
		status = http.StatusBadRequest
	}
	return v.show(status, title, p)
}

// problems returns what is wrong, at most once for each field.
func problems(err error) []*hookyard.Error {
	var out []*hookyard.Error
	var walk func(error)
	walk = func(err error) {
		if all, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range all.Unwrap() {
				walk(one)
			}
			return
		}
		var e *hookyard.Error
		if errors.As(err, &e) &&
			!slices.ContainsFunc(out, func(other *hookyard.Error) bool { return other.Field == e.Field }) {
			out = append(out, e)
		}
	}
	walk(err)
	return out
}

// labelOf returns what pages call a field.
func labelOf(field string) string {
	if label, ok := labels[field]; ok {
		return label
	}
	_, last, _ := strings.Cut(field, ".")
	return sentence(cmp.Or(last, field))
}

// labels are the names on the pages of fields whose own names differ.
var labels = map[string]string{
	"url": "Payload URL", "id": "ID", "events": "Types or patterns", "contentType": "Content type",
	"schedule": "Delay before each attempt", "inFlight": "Concurrent deliveries", "rate": "Attempts per second",
	"off.policy": "When it keeps failing", "off.after": "Until it is disabled",
	"forward": "Pass on of a received request",
	"type":    "Type", "eventType": "Event type", "typeHeader": "Event type", "typeField": "Event type",
	"eventTypes": "Event types", "retention": "Keep bodies for", "relay": "lively4 relay",
	"relaySecret": "Secret of the relay", "data": "Data", "confirm": "Name of the project",
	"answer.headers": "Content type", "rabbitmq.url": "Broker", "rabbitmq": "Broker", "current": "Current password",
	"document": "Document", "schema": "Schema", "featureFlags": "Feature flags",
	"again": "Repeat password", "expiresIn": "Valid for", "oidc": "Sign-in", "since": "From", "until": "To",
}

// noteOf returns the sentence that a page begins with after a form was sent. The URL carries its name and not the
// sentence, so that a link cannot put other words into a page.
func noteOf(name string) string {
	switch name {
	case "saved":
		return "Saved."
	case "created":
		return "Created."
	case "deleted":
		return "Deleted."
	case "tested":
		return "Test event sent. Its delivery is the first one below."
	case "on":
		return "The hook is enabled."
	case "off":
		return "The hook is disabled. Its events are recorded as skipped and can be resent."
	case "replayed":
		return "Queued for delivery."
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
		return "Session ended."
	case "revoked":
		return "Token revoked."
	case "invited":
		return "Send the link below to the user."
	case "linked":
		return "You can sign in with the account now."
	case "unlinked":
		return "You can no longer sign in with the account."
	case "factor":
		return "Signing in with your password needs a second step from now on. Your other sessions have ended."
	case "nofactor":
		return "Removed."
	case "codes":
		return "These recovery codes replace those that you had."
	case "password":
		return "Password changed. Your other sessions have ended."
	}
	return ""
}
