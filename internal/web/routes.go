package web

import (
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
)

// routes registers every page.
func (w *Web) routes() {
	w.mux.HandleFunc("GET /assets/{file}", w.serveAsset)
	// For clients that do not read the page.
	w.mux.Handle("GET /favicon.ico", http.RedirectHandler(w.assets["icon.svg"].url, http.StatusFound))
	w.mux.HandleFunc("GET /robots.txt", noRobots)
	w.handle("GET /login", open, serveLogin)
	w.handle("POST /login", open, login)
	w.handle("POST /logout", open, logout)
	w.handle("POST /theme", open, setTheme)
	if w.o.SignOn != nil {
		w.handle("GET /login/oidc", open, beginSignOn)
		w.handle("GET "+SignOnReturn, open, finishSignOn)
		w.handle("GET /profile/oidc", signedIn, beginLink)
		w.handle("POST /profile/oidc", signedIn, unlink)
	}
	w.handle("GET /setup", open, showSetup)
	w.handle("POST /setup", open, finishSetup)

	w.handle("GET /{$}", anybody, showProjects)
	w.handle("POST /{$}", signedIn, createProject)
	w.handle("GET /profile", signedIn, showProfile)
	w.handle("POST /profile/password", signedIn, changePassword)
	w.handle("POST /profile/tokens", signedIn, createToken)
	w.handle("POST /profile/revoke", signedIn, deleteToken)
	w.handle("POST /profile/sessions", signedIn, deleteSession)
	w.handle("GET /users", administrator, showUsers)
	w.handle("POST /users", administrator, createUser)
	w.handle("POST /users/{user}", administrator, userAction)
	w.handle("GET /status", administrator, showStatus)

	if w.o.Bins != nil {
		w.handle("GET /bins", anybody, showBins)
		w.handle("POST /bins", signedIn, createBin)
		w.handle("GET /bins/{bin}", open, showBin)
		w.handle("POST /bins/{bin}", open, binAction)
	}
	w.projectRoutes()
	w.handle("/", open, notFound)
}

// projectRoutes registers the pages of a project.
func (w *Web) projectRoutes() {
	const project = "/{owner}/{project}"

	w.handle("GET "+project, toRead, showProject)
	w.handle("GET "+project+"/webhooks", toRead, listHooks)
	w.handle("POST "+project+"/webhooks", toWrite, createHook)
	w.handle("GET "+project+"/webhooks/{id}", toRead, showHook)
	w.handle("POST "+project+"/webhooks/{id}", toWrite, hookAction)
	w.handle("DELETE "+project+"/webhooks/{id}", toWrite, deleteHook)
	w.handle("GET "+project+"/webhooks/{id}/edit", toWrite, editHook)

	w.handle("GET "+project+"/events", toRead, listEvents)
	w.handle("GET "+project+"/publish", toWrite, editEvent)
	w.handle("POST "+project+"/publish", toWrite, sendEdited)
	w.handle("GET "+project+"/events/{id}", toRead, showEvent)
	w.handle("POST "+project+"/events/{id}", toWrite, replayEvent)
	w.handle("GET "+project+"/events/{id}/edit", toWrite, editEvent)
	w.handle("POST "+project+"/events/{id}/edit", toWrite, sendEdited)
	w.handle("GET "+project+"/deliveries", toRead, listDeliveries)
	w.handle("GET "+project+"/deliveries/{id}", toRead, showDelivery)
	w.handle("POST "+project+"/deliveries/{id}", toWrite, deliveryAction)
	w.handle("GET "+project+"/replays", toRead, listReplays)
	w.handle("POST "+project+"/replays", toWrite, createReplay)
	w.handle("POST "+project+"/replays/{id}", toWrite, cancelReplay)

	w.handle("GET "+project+"/sources", toRead, listSources)
	w.handle("POST "+project+"/sources", toWrite, createSource)
	w.handle("GET "+project+"/sources/{name}", toRead, showSource)
	w.handle("POST "+project+"/sources/{name}", toWrite, sourceAction)

	w.handle("GET "+project+"/settings", toRule, showSettings)
	w.handle("POST "+project+"/settings", toRule, updateSettings)
	w.handle("POST "+project+"/members", toRule, setMember)
	w.handle("POST "+project+"/defaults", toRule, addDefaultHooks)
	w.handle("POST "+project+"/delete", toRule, deleteProject)
	w.handle("GET "+project+"/export", toRule, export)
	w.handle("GET "+project+"/audit", toRead, showAudit)

	w.handle("GET "+project+"/{$}", open, func(v *visit) error {
		return v.redirect(join(v.r.PathValue("owner"), v.r.PathValue("project")), "")
	})
	w.handle("GET "+project+"/hooks", open, func(v *visit) error { // as the API calls them
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
	if err := v.admit(toRead); err != nil {
		v.view = nil // no right and no project look the same
	}
	return missing
}

// pages returns a value of every page, so that a page without a template is found at start.
func pages() []page {
	return []page{
		&loginPage{}, &resumePage{}, &setupPage{}, &errorPage{}, &projectsPage{}, &profilePage{}, &usersPage{},
		&statusPage{},
		&projectPage{}, &hooksPage{}, &hookPage{}, &hookEditPage{}, &eventsPage{}, &eventPage{}, &resendPage{},
		&deliveriesPage{}, &deliveryPage{}, &replaysPage{}, &sourcesPage{}, &sourcePage{}, &settingsPage{},
		&auditPage{}, &binsPage{}, &binPage{},
	}
}
