package web

import (
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// The portal is where customers of an owner manage the hooks of one project. Its pages are those of the project, in
// another layout and with fewer settings, at the paths below /portal/OWNER/PROJECT. It has a mux of its own: a portal
// session opens nothing else, and a user's session opens no portal.

// portalPrefix begins the path of every page of a portal.
const portalPrefix = "/portal/"

// portalView is what the pages of a portal have in common.
type portalView struct {
	Session *hookyard.PortalSession // nil: there is none
	Look    hookyard.Look           // the owner's
	Lang    string                  // a language of [languages]
	Here    string                  // the page's path, for the links to other languages

	messages *messages

	owner, project string // as the path spells them
}

// say translates a text into the language of the portal. Outside of portals it stays as it is.
func (p *portalView) say(text string) string {
	if p == nil {
		return text
	}
	return p.messages.say(text)
}

// Languages returns the other languages and their own names.
func (p *portalView) Languages() [][2]string {
	return slices.DeleteFunc(languages(), func(l [2]string) bool { return l[0] == p.Lang })
}

// portalPages returns a value of every page that portals have.
func portalPages() []page {
	return []page{&hooksPage{}, &hookPage{}, &hookEditPage{}, &deliveriesPage{}, &deliveryPage{}, &replaysPage{},
		&replayPage{}, &confirmPage{}, &errorPage{}, &closedPage{}, &verifyPage{}, &typesPage{},
		&typePage{}}
}

// portal returns the pages of portals in the language of m. missed is called with each text that has no translation.
// Most servers have no portals, so the pages of a language are made when they are first shown.
func (m *messages) portal(missed func(text string)) (map[string]*template.Template, error) {
	out, err := parsePages(portalPages())
	for _, t := range out {
		m.translate(t, missed)
	}
	return out, err
}

// chooseLanguage takes the language of ?lang, or the one that was chosen so before, or the one that the browser
// prefers.
func (v *visit) chooseLanguage() {
	p := v.portal
	known := func(lang string) bool { return v.web.messages[lang] != nil }
	if p.Lang = v.r.URL.Query().Get("lang"); known(p.Lang) {
		c := v.web.cookie(languageCookie, p.Lang, int(hookyard.MaxPortalTTL/time.Second))
		c.Path = join("portal", p.owner, p.project)
		v.setFramedCookie(c)
	} else if c, err := v.r.Cookie(languageCookie); err == nil && known(c.Value) {
		p.Lang = c.Value
	} else {
		p.Lang = preferred(v.r.Header.Get("Accept-Language"), known)
	}
	p.Here, p.messages = v.r.URL.Path, v.web.messages[p.Lang]
	if v.r.Method != http.MethodGet {
		p.Here = join("portal", p.owner, p.project)
	}
	v.w.Header().Set("Content-Language", p.Lang)
}

// languageCookie holds the language that a customer chose.
const languageCookie = "hookyard_portal_lang"

// preferred returns the language of an Accept-Language header that is known and has the highest weight, or en.
func preferred(accept string, known func(string) bool) string {
	best, most := "en", 0.0
	for i, one := range strings.Split(accept, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(one), ";")
		lang, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "-")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		if i < 50 && known(lang) && weight > most {
			best, most = lang, weight
		}
	}
	return best
}

// portalTabs are the tabs of a portal.
func (b *base) portalTabs() [][2]string {
	tabs := [][2]string{{"webhooks", "Hooks"}}
	if b.Portal.Shows("deliveries") {
		tabs = append(tabs, [2]string{"deliveries", "Deliveries"}, [2]string{"replays", "Replays"})
	}
	if b.Portal.Shows("catalogue") {
		tabs = append(tabs, [2]string{"event-types", "Event types"})
	}
	if b.Portal.Shows("verify") {
		tabs = append(tabs, [2]string{"verify", "How to verify"})
	}
	return tabs
}

// Shows reports whether the portal has a part.
func (p *portalView) Shows(part string) bool {
	return p.Session != nil && p.Session.Shows(hookyard.PortalPart(part))
}

// portalRoutes registers the pages of portals.
func (w *Web) portalRoutes() {
	const (
		portal     = portalPrefix + "{owner}/{project}"
		hooks      = portal + "/webhooks"
		deliveries = portal + "/deliveries"
		replays    = portal + "/replays"

		read  = control.PortalRead
		write = control.Portal
	)
	w.portalPage("GET "+portal+"/open/{key}", control.Public, "", openPortal)
	w.portalPage("GET "+portal+"/look.css", control.Public, "", serveLook)
	w.portalPage("POST "+portal+"/logout", read, "", closePortal)
	w.portalPage("GET "+portal, read, "", func(v *visit) error { return v.redirect(v.home("webhooks"), "") })

	w.portalPage("GET "+hooks, read, "", listHooks)
	w.portalPage("POST "+hooks, write, "", createHook)
	w.portalPage("GET "+hooks+"/{id}", read, "", showHook)
	w.portalPage("POST "+hooks+"/{id}", write, "", hookAction)
	w.portalPage("GET "+hooks+"/{id}/edit", write, "", editHook)

	const part = hookyard.PartDeliveries
	w.portalPage("GET "+deliveries, read, part, listDeliveries)
	w.portalPage("GET "+deliveries+"/{id}", read, part, showDelivery)
	w.portalPage("POST "+deliveries+"/{id}", write, part, deliveryAction)
	w.portalPage("GET "+replays, read, part, listReplays)
	w.portalPage("POST "+replays, write, part, createReplay)
	w.portalPage("GET "+replays+"/{id}", read, part, showReplay)
	w.portalPage("POST "+replays+"/{id}", write, part, cancelReplay)

	w.portalPage("GET "+portal+"/event-types", read, hookyard.PartCatalogue, showPublicTypes)
	w.portalPage("GET "+portal+"/event-types/{name}", read, hookyard.PartCatalogue, showPublicType)
	w.portalPage("GET "+portal+"/verify", read, hookyard.PartVerify, showVerify)
	w.portalPage(portal+"/", read, "", func(*visit) error {
		return hookyard.Errorf(hookyard.NotFound, "There is no such page.")
	})
	w.portal.Handle("/", w.mux) // pages of an owner who is called so
}

// portalPage registers a page of portals that needs an access. It is missing where its part is hidden.
func (w *Web) portalPage(pattern string, access control.Access, part hookyard.PortalPart, do func(*visit) error) {
	w.portal.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		v := &visit{web: w, w: rw, r: r.WithContext(control.ForRequest(r.Context())), portal: &portalView{}}
		if err := v.servePortal(access, part, do); err != nil {
			v.fail(err)
		}
	})
}

func (v *visit) servePortal(access control.Access, part hookyard.PortalPart, do func(*visit) error) error {
	v.portal.owner, v.portal.project = v.r.PathValue("owner"), v.r.PathValue("project")
	look, err := v.web.o.Control.Look(v.ctx(), v.portal.owner)
	v.portal.Look = look
	v.allowFrames()
	v.chooseLanguage() // also for the page of an error
	if err != nil {
		return err
	}
	err = v.findPortal()
	if access != control.Public && err != nil {
		return err
	}
	if err := v.checkOrigin(); err != nil {
		return err
	}
	if err := v.readForm(); err != nil {
		return err
	}
	if access == control.Public {
		return do(v)
	}
	if !v.portal.Session.Shows(part) {
		return hookyard.Errorf(hookyard.NotFound, "There is no such page.")
	}
	if !v.project.Role.Allows(access.Role()) {
		return hookyard.Errorf(hookyard.Forbidden, "This session may look at everything and change nothing.")
	}
	return do(v)
}

// findPortal reads the session of the request and its project.
func (v *visit) findPortal() (err error) {
	cookie := ""
	if c, err := v.r.Cookie(v.portalCookie()); err == nil {
		cookie = c.Value
	}
	project, session, err := v.web.o.Control.PortalProject(v.ctx(), v.portal.owner, v.portal.project, cookie)
	if hookyard.CodeOf(err) == hookyard.Unauthenticated {
		return hookyard.Errorf(hookyard.Unauthenticated,
			"Your session has ended. Go back to where you came from and open this page from there again.")
	}
	if err != nil {
		return err
	}
	v.project, v.portal.Session = project, session
	v.id = project.Caller
	v.r = v.r.WithContext(hookyard.WithActor(v.ctx(), v.id.User.Name))
	return nil
}

// checkOrigin refuses a form of another site. A portal may stand in a frame, where browsers send its cookie along with
// what other sites send, so a request that does not say where it comes from is refused, too.
func (v *visit) checkOrigin() error {
	h := v.r.Header
	silent := h.Get("Origin") == "" && h.Get("Sec-Fetch-Site") == ""
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead && silent || v.web.csrf.Check(v.r) != nil {
		return hookyard.Errorf(hookyard.Forbidden, "A page of another site may not change anything here.")
	}
	return nil
}

// portalCookie is the name of the cookie of a session. It is bound to the path of the portal, so that a browser can
// have one for each.
func (v *visit) portalCookie() string {
	if v.web.secure() {
		return "__Secure-hookyard_portal"
	}
	return "hookyard_portal"
}

func (w *Web) secure() bool { return strings.HasPrefix(w.o.BaseURL, "https://") }

// setPortalCookie gives the browser the cookie of a session, and with "" takes it away.
func (v *visit) setPortalCookie(value string, age time.Duration) {
	c := v.web.cookie(v.portalCookie(), value, int(age/time.Second))
	c.Path = join("portal", v.portal.owner, v.portal.project)
	v.setFramedCookie(c)
}

// openPortal uses up a link. A browser that has a session already, because it loads the page again, goes on with it.
func openPortal(v *visit) error {
	v.w.Header().Set("Referrer-Policy", "no-referrer") // the URL is the key
	v.w.Header().Set("Cache-Control", "no-store")
	home := join("portal", v.portal.owner, v.portal.project, "webhooks")
	if v.r.Method == http.MethodHead || strings.Contains(v.r.Header.Get("Sec-Purpose"), "prefetch") {
		v.w.WriteHeader(http.StatusNoContent) // nobody has opened the link yet
		return nil
	}
	cookie, s, err := v.web.o.Control.OpenPortal(v.ctx(), v.portal.owner, v.portal.project, v.r.PathValue("key"),
		control.Browser{Agent: v.r.UserAgent(), Remote: v.r.RemoteAddr})
	if hookyard.CodeOf(err) == hookyard.Forbidden && v.portal.Session != nil {
		return v.redirect(home, "")
	}
	if hookyard.CodeOf(err) == hookyard.Forbidden {
		return hookyard.Errorf(hookyard.Forbidden, "This link was used or has expired. "+
			"Go back to where you came from and open this page from there again.")
	}
	if err != nil {
		return err
	}
	v.setPortalCookie(cookie, time.Until(s.ExpiresAt))
	return v.redirect(home, "")
}

func closePortal(v *visit) error {
	if err := v.web.o.Control.ClosePortal(v.ctx(), v.portal.Session); err != nil {
		return err
	}
	v.setPortalCookie("", -time.Second)
	p := &closedPage{ReturnURL: v.portal.Session.ReturnURL}
	v.portal.Session, v.project = nil, nil
	return v.show(http.StatusOK, "Signed out", p)
}

// closedPage is shown after a portal session was ended. It links to where the customer came from: a redirect to another
// site is not allowed after a form.
type closedPage struct {
	base
	ReturnURL string
}

// onlyPortal returns what a portal session may set of a patch.
func onlyPortal(in control.HookPatch) control.HookPatch {
	return control.HookPatch{URL: in.URL, Events: in.Events, Channels: in.Channels, Description: in.Description,
		Active: in.Active, Secret: in.Secret, Revision: in.Revision}
}
