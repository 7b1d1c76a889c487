package web

import (
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// routes registers every page.
func (w *Web) routes() {
	w.mux.HandleFunc("GET /assets/{file}", w.serveAsset)
	// For clients that do not read the page.
	w.mux.Handle("GET /favicon.ico", http.RedirectHandler(w.assets["icon.svg"].url, http.StatusFound))
	w.mux.HandleFunc("GET /robots.txt", noRobots)
	w.handle("GET /login", control.Public, serveLogin)
	w.handle("POST /login", control.Public, login)
	w.handle("GET /login/step", control.Public, showStep)
	w.handle("POST /login/step", control.Public, secondStep)
	w.handle("POST /login/passkey/options", control.Public, passkeySignInOptions)
	w.handle("POST /login/passkey", control.Public, passkeySignIn)
	w.handle("POST /logout", control.Public, logout)
	w.handle("POST /theme", control.Public, setTheme)
	if w.o.SignOn != nil {
		w.handle("GET /login/oidc", control.Public, beginSignOn)
		w.handle("GET "+SignOnReturn, control.Public, finishSignOn)
		w.handle("GET /profile/oidc", control.SignedIn, beginLink)
		w.handle("POST /profile/oidc", control.SignedIn, unlink)
	}
	w.handle("GET /docs/api", control.Public, showDocs)
	w.handle("GET /setup", control.Public, showSetup)
	w.handle("POST /setup", control.Public, finishSetup)

	w.handle("GET /{$}", control.Anyone, showProjects)
	w.handle("POST /{$}", control.SignedIn, createProject)
	w.handle("GET /search", control.Anyone, showSearch)
	w.handle("GET /profile", control.SignedIn, showProfile)
	w.handle("POST /profile/password", control.SignedIn, changePassword)
	w.handle("POST /profile/tokens", control.SignedIn, createToken)
	w.handle("POST /profile/revoke", control.SignedIn, deleteToken)
	w.handle("POST /profile/sessions", control.SignedIn, deleteSession)
	w.handle("GET "+factorPath, control.Enrolling, showFactors)
	w.handle("POST "+factorPath, control.Enrolling, changeFactor)
	w.handle("POST "+passkeyPath+"/options", control.Enrolling, newPasskeyOptions)
	w.handle("POST "+passkeyPath, control.Enrolling, addPasskey)
	w.handle("GET /users", control.Administrator, showUsers)
	w.handle("POST /users", control.Administrator, createUser)
	w.handle("POST /users/{user}", control.Administrator, userAction)
	w.handle("GET /tokens", control.Administrator, showTokens)
	w.handle("POST /tokens", control.Administrator, revokeToken)
	w.handle("GET /status", control.Administrator, showStatus)

	const types = "/owners/{owner}/catalogue"
	w.handle("GET "+types, control.SignedIn, showCatalogue)
	w.handle("POST "+types, control.SignedIn, catalogueAction)
	w.handle("GET "+types+"/{name}", control.SignedIn, showEventType)
	w.handle("POST "+types+"/{name}", control.SignedIn, eventTypeAction)
	w.handle("GET /owners/{owner}/event-types", control.Public, showPublicTypes)
	w.handle("GET /owners/{owner}/event-types/{name}", control.Public, showPublicType)

	if w.o.Bins != nil {
		w.handle("GET /bins", control.Anyone, showBins)
		w.handle("POST /bins", control.SignedIn, createBin)
		w.handle("GET /bins/{bin}", control.Public, showBin)
		w.handle("POST /bins/{bin}", control.Public, binAction)
	}
	w.projectRoutes()
	w.portalRoutes()
	w.handle("/", control.Public, notFound)
}

// projectRoutes registers the pages of a project.
func (w *Web) projectRoutes() {
	const project = "/{owner}/{project}"

	w.handle("GET "+project, control.Read, showProject)
	w.handle("GET "+project+"/webhooks", control.Read, listHooks)
	w.handle("POST "+project+"/webhooks", control.Write, createHook)
	w.handle("GET "+project+"/webhooks/{id}", control.Read, showHook)
	w.handle("POST "+project+"/webhooks/{id}", control.Write, hookAction)
	w.handle("DELETE "+project+"/webhooks/{id}", control.Write, deleteHook)
	w.handle("GET "+project+"/webhooks/{id}/edit", control.Write, editHook)

	w.handle("GET "+project+"/events", control.Read, listEvents)
	w.handle("GET "+project+"/publish", control.Write, editEvent)
	w.handle("POST "+project+"/publish", control.Write, sendEdited)
	w.handle("GET "+project+"/events/{id}", control.Read, showEvent)
	w.handle("POST "+project+"/events/{id}", control.Write, replayEvent)
	w.handle("GET "+project+"/events/{id}/edit", control.Write, editEvent)
	w.handle("POST "+project+"/events/{id}/edit", control.Write, sendEdited)
	w.handle("GET "+project+"/deliveries", control.Read, listDeliveries)
	w.handle("GET "+project+"/deliveries/{id}", control.Read, showDelivery)
	w.handle("POST "+project+"/deliveries/{id}", control.Write, deliveryAction)
	w.handle("GET "+project+"/replays", control.Read, listReplays)
	w.handle("POST "+project+"/replays", control.Write, createReplay)
	w.handle("GET "+project+"/replays/{id}", control.Read, showReplay)
	w.handle("POST "+project+"/replays/{id}", control.Write, cancelReplay)

	w.handle("GET "+project+"/sources", control.Read, listSources)
	w.handle("POST "+project+"/sources", control.Write, createSource)
	w.handle("GET "+project+"/sources/{name}", control.Read, showSource)
	w.handle("POST "+project+"/sources/{name}", control.Write, sourceAction)

	w.handle("GET "+project+"/settings", control.Admin, showSettings)
	w.handle("POST "+project+"/settings", control.Admin, updateSettings)
	w.handle("POST "+project+"/members", control.Admin, setMember)
	w.handle("POST "+project+"/tokens", control.Admin, revokeProjectToken)
	w.handle("POST "+project+"/defaults", control.Admin, addDefaultHooks)
	w.handle("POST "+project+"/limits", control.Admin, setLimits)
	w.handle("POST "+project+"/delete", control.Admin, deleteProject)
	w.handle("GET "+project+"/export", control.Admin, export)
	w.handle("GET "+project+"/audit", control.Read, showAudit)

	w.handle("GET "+project+"/{$}", control.Public, func(v *visit) error {
		return v.redirect(join(v.r.PathValue("owner"), v.r.PathValue("project")), "")
	})
	w.handle("GET "+project+"/hooks", control.Public, func(v *visit) error { // as the API calls them
		return v.redirect(join(v.r.PathValue("owner"), v.r.PathValue("project"), "webhooks"), "")
	})
}

// notFound answers for every unknown path. Below a project that the caller may read, the page has the project's tabs.
func notFound(v *visit) error {
	missing := hookyard.Errorf(hookyard.NotFound, "There is no such page.")
	parts := strings.SplitN(v.r.URL.Path, "/", 4)
	if len(parts) < 4 || v.id == nil {
		return missing
	}
	v.r.SetPathValue("owner", parts[1])
	v.r.SetPathValue("project", parts[2])
	if err := v.admit(control.Read); err != nil {
		v.project = nil // the page must look as if there were no project
	}
	return missing
}

// pages returns a value of every page, so that a page without a template is found at start.
func pages() []page {
	return []page{
		&loginPage{}, &stepPage{}, &resumePage{}, &setupPage{}, &errorPage{}, &projectsPage{},
		&profilePage{}, &factorPage{}, &usersPage{}, &tokensPage{}, &statusPage{}, &searchPage{},
		&projectPage{}, &hooksPage{}, &hookPage{}, &hookEditPage{}, &eventsPage{}, &eventPage{}, &resendPage{},
		&confirmPage{}, &deliveriesPage{}, &deliveryPage{}, &replaysPage{}, &replayPage{}, &sourcesPage{},
		&sourcePage{}, &settingsPage{}, &auditPage{}, &docsPage{}, &binsPage{}, &binPage{}, &closedPage{},
		&verifyPage{},
		&cataloguePage{}, &eventTypePage{}, &typesPage{}, &typePage{},
	}
}
