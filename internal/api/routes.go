package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// route is one method of one path, with what the documentation says of it.
type route struct {
	method, path string
	access       control.Access
	do           func(*call) error
	id           string // of the operation; "": the name of do
	summary      string
	query        []string // parameters it takes
	in, out      any      // values of the types that go over the wire; nil: no body
	status       int      // of success; 0 means 200
	also         int      // another status of success, with the same body; 0: there is none
	media        []string // media types of success beside JSON, or instead of it where out is nil
	doc          string   // what the summary leaves out
	creates      bool     // makes the project where Options.CreateOnUse
	live         bool     // another package's: it reads its own query and settles methods and preflights
	publish      bool     // the hot path, past everything that the others share
}

// checkRoutes fails when a route does not say who may use it.
func checkRoutes(routes []route) error {
	for i := range routes {
		if rt := &routes[i]; !rt.access.Valid() {
			return fmt.Errorf("route %s %s does not say who may use it", rt.method, rt.path)
		}
	}
	return nil
}

func (rt *route) takes(name string) bool {
	if strings.HasPrefix(name, control.FieldQuery) {
		name = fieldParams
	}
	return slices.Contains(rt.query, name)
}

// fieldParams stands for all query parameters field.PATH.
const fieldParams = control.FieldQuery + "*"

// routes lists everything below /api, top to bottom.
func (a *API) routes() []route {
	const (
		get   = http.MethodGet
		put   = http.MethodPut
		patch = http.MethodPatch
		post  = http.MethodPost
		del   = http.MethodDelete

		project   = "/projects/{owner}/{project}"
		hook      = project + "/hooks/{id}"
		source    = project + "/sources/{name}"
		event     = project + "/events/{id}"
		delivery  = project + "/deliveries/{id}"
		listener  = project + "/listeners/{id}"
		replay    = project + "/replays/{id}"
		created   = http.StatusCreated
		accepted  = http.StatusAccepted
		noContent = http.StatusNoContent

		statsDoc = "Figures are exact and cost the same however many events there are. Those by the minute are kept " +
			"for 2 days, by the hour for 60 days, by the day for 2 years. Periods begin at multiples of the step in " +
			"UTC."
		exportDoc = "To continue later, give the id of the last entry as after. On PostgreSQL entries of the last " +
			"seconds are left to the next export."
	)
	const (
		limitsDoc = "What is beyond a limit is refused with 429, Retry-After and the limit. Rates and listeners are " +
			"counted by each node, all else by all nodes together."
		limitPatchDoc = "0 is no limit, null the server's default. What is not named stays."
	)
	const eraseDoc = "Pending deliveries are canceled. An event that comes again is still recognised as a duplicate."
	const searchDoc = "A search that takes too long answers with what it found, cut, and a cursor to go on."
	statsQuery := []string{"since", "until", "step"}
	page, revision := []string{"limit", "cursor"}, []string{"revision"}
	audit := []string{"actor", "action", "since", "until"}
	list := []route{
		{method: get, path: "", access: control.Public, do: showServer, summary: "What the server is",
			out: client.ServerInfo{}},
		{method: get, path: "/openapi.json", access: control.Public, do: showSpecJSON,
			summary: "This description as JSON",
			out:     map[string]any{}},
		{method: get, path: "/openapi.yaml", access: control.Public, do: showSpecYAML,
			summary: "This description as YAML", media: []string{"application/yaml"}},
		{method: get, path: "/source-types", access: control.Public, do: listSourceTypes,
			summary: "The ways to verify a sender",
			out:     client.SourceTypes{}},

		{method: get, path: "/user", access: control.Anyone, do: showCurrentUser, summary: "Who the caller is",
			out: client.CurrentUser{}},
		{method: get, path: "/user/token", access: control.Anyone, do: makeUserToken,
			summary: "Create a token that manages everything its user may, for 7 days", out: client.UserToken{}},
		{method: get, path: "/tokens", access: control.SignedIn, do: listTokens,
			summary: "The caller's tokens, or with all=true everybody's, for administrators", query: []string{"all"},
			out: client.Tokens{}},
		{method: post, path: "/tokens", access: control.SignedIn, do: createToken,
			summary: "Create a token; its secret is shown once", in: client.TokenRequest{}, out: client.NewToken{},
			status: created},
		{method: del, path: "/tokens/{id}", access: control.SignedIn, do: removeToken,
			summary: "Revoke a token: one's own, or anybody's as an administrator", status: noContent},

		{method: get, path: "/users", access: control.Administrator, do: listUsers, summary: "All users",
			out: client.Users{}},
		{method: post, path: "/users", access: control.Administrator, do: createUser, summary: "Create a user",
			in: client.UserPatch{}, out: hookyard.User{}, status: created},
		{method: patch, path: "/users/{user}", access: control.Administrator, do: updateUser, summary: "Change a user",
			in: client.UserPatch{}, out: hookyard.User{}},
		{method: del, path: "/users/{user}", access: control.Administrator, do: removeUser,
			summary: "Delete a user; projects stay", status: noContent},
		{method: post, path: "/users/{user}/invite", access: control.Administrator, do: inviteUser,
			summary: "Create the link by which a user without a password chooses one",
			doc:     "It works once and for a day, and replaces the user's last link.", out: client.Invitation{}},
		{method: del, path: "/users/{user}/second-factor", access: control.Administrator, do: resetFactors,
			summary: "Remove the second factors of a user who has lost them",
			doc:     "The user's sessions end. The password alone signs in until the user sets up another factor.",
			status:  noContent},
		{method: get, path: "/audit", access: control.Administrator, do: listServerAudit,
			summary: "The audit log of the server: who changed what outside of projects",
			query:   slices.Concat(page, audit, []string{"all"}), out: client.AuditPage{}},
		{method: get, path: "/audit/export", access: control.Administrator, do: exportServerAudit,
			summary: "The audit log of the server, the oldest entries first, one a line", doc: exportDoc,
			query: slices.Concat(audit, []string{"all", "after"}), media: []string{"application/x-ndjson"}},

		{method: get, path: "/nodes", access: control.Administrator, do: listNodes,
			summary: "The nodes at the database, the longest running first", out: client.Nodes{}},

		{method: get, path: "/secret-key", access: control.Administrator, do: showKeyRotation,
			summary: "How far the change of the key of secrets is, or the last one was", out: hookyard.KeyRotation{}},
		{method: post, path: "/secret-key/rotate", access: control.Administrator, do: rotateKey,
			summary: "Encrypt all secrets with a new key, while the nodes run",
			doc: "The server makes the key, unless it has another one already. If a change is under way, that one " +
				"continues.",
			out: hookyard.KeyRotation{}, status: accepted},

		{method: get, path: "/limits", access: control.Administrator, do: listLimits,
			summary: "The owners and projects for which limits are set", out: client.Allowances{}},
		{method: get, path: "/owners/{owner}/limits", access: control.SignedIn, do: showOwnerLimits,
			summary: "What all projects of an owner together may use, and what they use", doc: limitsDoc,
			out: client.Allowance{}},
		{method: patch, path: "/owners/{owner}/limits", access: control.Administrator, do: setOwnerLimits,
			summary: "Change limits of an owner", doc: limitPatchDoc, in: client.LimitPatch{},
			out: client.Allowance{}},
		{method: get, path: "/owners/{owner}/look", access: control.SignedIn, do: showLook,
			summary: "How the portals of an owner's projects look", out: hookyard.Look{}},
		{method: put, path: "/owners/{owner}/look", access: control.SignedIn, do: setLook,
			summary: "Set how the portals of an owner's projects look, and where they may be embedded",
			doc:     "What is left out is hookyard's own look. Colours are changed where text could not be read.",
			in:      hookyard.Look{}, out: hookyard.Look{}},

		{method: get, path: "/events", access: control.Anyone, do: searchEvents,
			summary: "Search the events of all projects that the caller may read",
			query: []string{"limit", "cursor", "find", "in", "type", "source", "state", "since", "until", "id", "text",
				"path", "value", fieldParams},
			doc: "Events are in the order of their projects' paths, and in a project the newest first. Needs find, " +
				"text, id or the value of a field. " + searchDoc, out: client.EventPage{}},

		{method: get, path: "/projects", access: control.Anyone, do: listProjects,
			summary: "Projects that the caller may read",
			query:   page, out: client.ProjectPage{}},
		{method: get, path: project, access: control.Custom, do: showProject, summary: "A project",
			out: client.Project{}, media: []string{typeKenaiProject}},
		{method: put, path: project, access: control.Own, do: putProject, query: revision,
			summary: "Create a project, or replace its settings", in: client.ProjectPatch{}, out: client.Project{},
			status: created, also: http.StatusOK},
		{method: patch, path: project, access: control.Admin, do: updateProject, query: revision,
			summary: "Change a project's settings", in: client.ProjectPatch{}, out: client.Project{}},
		{method: del, path: project, access: control.Admin, do: removeProject, query: revision,
			summary: "Delete a project with everything in it", status: noContent},
		{method: post, path: project + "/duplicate", access: control.Write, do: duplicateProject,
			summary: "Copy settings, hooks and sources to another owner or name", in: client.ProjectTarget{},
			out: client.Project{}, status: created},
		{method: post, path: project + "/transfer", access: control.Admin, do: transferProject,
			summary: "Give a project to another owner", in: projectOwner{}, out: client.Project{}},
		{method: get, path: project + "/members", access: control.Read, do: listMembers,
			summary: "Who has a role in the project", out: client.Members{}},
		{method: put, path: project + "/members/{user}", access: control.Admin, do: setMember,
			summary: "Give a role to a user, or to a group of the OpenID provider (group:NAME)",
			in:      client.RoleGrant{}, out: hookyard.Member{}},
		{method: del, path: project + "/members/{user}", access: control.Admin, do: removeMember,
			summary: "Remove the role of a user or group", status: noContent},
		{method: get, path: project + "/tokens", access: control.Admin, do: listProjectTokens,
			summary: "Everybody's tokens that are bound to the project", out: client.Tokens{}},
		{method: del, path: project + "/tokens/{id}", access: control.Admin, do: removeProjectToken,
			summary: "Revoke a token that is bound to the project, whoever's it is", status: noContent},
		{method: get, path: project + "/search-fields", access: control.Read, do: listSearchFields,
			summary: "How far the project's search fields have been filled in",
			doc: "A new field is filled in with the events that there are. Until it is ready, searches for its " +
				"values read bodies.", out: client.SearchFields{}},
		{method: get, path: project + "/limits", access: control.Read, do: showProjectLimits,
			summary: "What the project may use, and what it uses", doc: limitsDoc, out: client.Allowance{}},
		{method: patch, path: project + "/limits", access: control.Admin, do: setProjectLimits,
			summary: "Change limits of the project, as an administrator of the server", doc: limitPatchDoc,
			in: client.LimitPatch{}, out: client.Allowance{}},
		{method: post, path: project + "/portal-links", access: control.Admin, do: createPortalLink,
			summary: "Create a link by which a customer manages the hooks of the project",
			doc: "The link opens the portal once. The session that it starts ends on sign-out, after ttl, or when " +
				"the links are revoked.",
			in: client.PortalLinkRequest{}, out: client.PortalLink{}, status: created},
		{method: del, path: project + "/portal-links", access: control.Admin, do: revokePortal,
			summary: "Revoke all links to the portal of the project, and end its sessions",
			out:     client.PortalRevoked{}},
		{method: get, path: project + "/features/{feature}", access: control.Read, do: showFeature,
			summary: "A feature that hooks can track, as NetBeans' payloads link to it", out: client.Feature{},
			media: []string{typeKenaiFeature}},
		{method: get, path: project + "/stats", access: control.Read, do: showStats, query: statsQuery,
			summary: "Figures of a project: events, deliveries, attempts, latency, what waits", doc: statsDoc,
			out: client.Stats{}},
		{method: get, path: project + "/audit", access: control.Read, do: listAudit,
			summary: "The audit log of a project: who changed what", query: slices.Concat(page, audit),
			out: client.AuditPage{}},
		{method: get, path: project + "/audit/export", access: control.Read, do: exportAudit,
			summary: "The audit log of a project, the oldest entries first, one a line", doc: exportDoc,
			query: append(audit, "after"), media: []string{"application/x-ndjson"}},

		{method: get, path: project + "/hooks", access: control.Read, do: listHooks,
			summary: "The project's hooks by id",
			out:     map[string]client.Hook{}},
		{method: get, path: project + "/default-hooks", access: control.Read, do: listDefaultHooks,
			summary: "The hooks that every new project gets, by id", out: map[string]client.Hook{}},
		{method: post, path: project + "/default-hooks", access: control.Write, do: addDefaultHooks,
			summary: "Add the default hooks that the project lacks; answers all its hooks",
			out:     map[string]client.Hook{}},
		{method: get, path: hook, access: control.Read, do: showHook, summary: "A hook", out: client.Hook{}},
		{method: get, path: hook + "/stats", access: control.Read, do: showStats, id: "showHookStats",
			query: statsQuery, summary: "Figures of a hook", doc: statsDoc, out: client.Stats{}},
		{method: put, path: hook, access: control.Write, do: createHook, creates: true,
			summary: "Create a hook; 403 when there is one of that id", in: client.HookPatch{}, out: client.Hook{}},
		{method: patch, path: hook, access: control.Write, do: updateHook, query: revision,
			summary: "Change a hook; what is not named stays", in: client.HookPatch{}, out: client.Hook{}},
		{method: del, path: hook, access: control.Write, do: removeHook, query: revision,
			summary: "Delete a hook; answers those that are left", out: map[string]client.Hook{}},
		{method: post, path: hook + "/test", access: control.Write, do: testHook,
			summary: "Send an event of type test, or an example of a type of the catalogue, to this hook only",
			in:      client.HookTestRequest{}, out: client.HookTest{}, status: accepted},
		{method: post, path: hook + "/rotate-secret", access: control.Write, do: rotateHookSecret,
			summary: "Set a new secret; the old one signs along for a while", in: client.Rotation{},
			out: client.NewSecret{}},
		{method: post, path: hook + "/enable", access: control.Write, do: enableHook,
			summary: "Switch a hook on and forget its failures", out: client.Hook{}},

		{method: get, path: project + "/sources", access: control.Read, do: listSources,
			summary: "The project's sources",
			out:     client.Sources{}},
		{method: get, path: source, access: control.Read, do: showSource, summary: "A source", out: client.Source{}},
		{method: put, path: source, access: control.Write, do: putSource, query: revision, creates: true,
			summary: "Create a source, or replace it", in: client.SourcePatch{}, out: client.Source{}, status: created,
			also: http.StatusOK},
		{method: patch, path: source, access: control.Write, do: updateSource, query: revision,
			summary: "Change a source; what is not named stays", in: client.SourcePatch{}, out: client.Source{}},
		{method: del, path: source, access: control.Write, do: removeSource, query: revision,
			summary: "Delete a source; its events stay", status: noContent},
		{method: post, path: source + "/rotate-secret", access: control.Write, do: rotateSourceSecret,
			summary: "Set a new secret; the old one is good for a while", in: client.Rotation{},
			out: client.NewSecret{}},
		{method: get, path: source + "/refused", access: control.Read, do: listRefused,
			summary: "Requests that were not accepted, and why", query: []string{"limit"}, out: client.Refusals{}},
		{method: post, path: source + "/refused/recheck", access: control.Write, do: recheckRefused,
			summary: "Check refused requests again, and accept those that pass now",
			doc: "They are checked with the secrets that the source has now and the time at which each came. What " +
				"passes is accepted as if it had just come, and leaves the list.",
			in: client.RecheckRequest{}, out: client.Rechecked{}},

		{method: post, path: project + "/events", access: control.Custom, id: "publish", publish: true,
			summary: "Publish one event or a list of them, or CloudEvents in any of the three modes",
			doc: "A list is answered with a list of receipts. CloudEvents in binary mode have ce- headers and " +
				"any body.",
			in: client.Publication{}, out: client.Receipt{}, status: accepted},
		{method: get, path: project + "/events", access: control.Read, do: listEvents,
			summary: "List and search events, the newest first",
			query: []string{"limit", "cursor", "type", "channel", "source", "hook", "state", "since", "until", "id",
				"text", "path", "value", "find", "in", fieldParams}, doc: searchDoc, out: client.EventPage{}},
		{method: del, path: project + "/events", access: control.Admin, do: eraseEvents,
			summary: "Erase the events that a search selects, with all that is kept of them",
			doc: "A search that selects nothing needs all=true. One request erases at most limit events; while the " +
				"answer has a cursor, others may be left. " + eraseDoc,
			query: []string{"limit", "cursor", "type", "channel", "source", "hook", "state", "since", "until", "id",
				"text", "path", "value", "find", "in", fieldParams, "all", "dryRun"}, out: client.Erased{}},
		{method: del, path: event, access: control.Admin, do: eraseEvent,
			summary: "Erase an event with all that is kept of it", doc: eraseDoc, out: client.Erased{}},
		{method: get, path: event, access: control.Read, do: showEvent, summary: "An event with header and body",
			out: client.Event{}},
		{method: get, path: event + "/body", access: control.Read, do: showEventBody,
			summary: "The bytes of an event as they came", media: []string{"*/*"},
			doc: "The Content-Type is the sender's."},
		{method: post, path: event + "/replay", access: control.Write, do: replayEvent,
			summary: "Send an event again, to some hooks or to all it was for", in: client.EventReplay{},
			doc: "With dryRun nothing is sent: the answer is 200 with the deliveries that would be.",
			out: client.Reopened{}, status: accepted, also: http.StatusOK},
		{method: post, path: event + "/sign", access: control.Write, do: signEvent,
			summary: "Sign an event as its provider would now, for a receiver that refuses old signatures",
			doc:     "The source's secret is not shown. 400 if the provider signs in a way that only it can.",
			in:      client.EventSigning{}, out: client.EventSignature{}},
		{method: get, path: event + "/explain", access: control.Read, do: explainEvent,
			summary: "Why each hook did or did not get an event", out: client.Explanation{}},

		{method: get, path: project + "/deliveries", access: control.Read, do: listDeliveries,
			summary: "List deliveries, those of the newest event first",
			doc: "With replay, state is what became of the deliveries in that replay. Those that a later replay sent " +
				"again are in its list.",
			query: []string{"limit", "cursor", "hook", "event", "replay", "state", "since", "until"},
			out:   client.DeliveryPage{}},
		{method: get, path: delivery, access: control.Read, do: showDelivery, summary: "A delivery with its attempts",
			out: client.Delivery{}},
		{method: post, path: delivery + "/retry", access: control.Write, do: retryDelivery,
			summary: "Send a delivery again at once", out: client.Delivery{}, status: accepted},
		{method: post, path: delivery + "/cancel", access: control.Write, do: cancelDelivery,
			summary: "End a pending delivery",
			out:     client.Delivery{}},

		{method: put, path: listener, access: control.Write, do: putListener,
			summary: "Create or renew the hook of a listener that forwards events by itself; it lives for two minutes",
			in:      client.Listener{}, out: client.Hook{}},
		{method: del, path: listener, access: control.Write, do: removeListener,
			summary: "End a listener's hook; what it recorded stays", status: noContent},
		{method: post, path: listener + "/attempts", access: control.Write, do: recordForwarded,
			summary: "Record what a listener's URL answered to an event", in: client.Forwarded{},
			out: client.Delivery{}, status: created},

		{method: get, path: project + "/replays", access: control.Read, do: listReplays,
			summary: "Bulk replays, the newest first", query: []string{"limit"}, out: client.Replays{}},
		{method: post, path: project + "/replays", access: control.Write, do: createReplay,
			summary: "Start a bulk replay",
			doc: "With dryRun nothing is started: the answer is 200 with a replay of status planned, the deliveries " +
				"that it would open for each hook, and an estimate of the time.",
			in: client.ReplayRequest{}, out: hookyard.Replay{}, status: accepted, also: http.StatusOK},
		{method: get, path: replay, access: control.Read, do: showReplay, summary: "A bulk replay with its progress",
			out: hookyard.Replay{}},
		{method: post, path: replay + "/cancel", access: control.Write, do: cancelReplay,
			summary: "Stop a bulk replay; what is not sent goes back to what it was", out: hookyard.Replay{}},
	}
	list = append(list, catalogueRoutes()...)
	if a.o.Bins != nil {
		list = append(list, binRoutes()...)
	}
	if a.o.Stream != nil {
		list = append(list, route{method: get, path: project + "/stream", access: control.Custom,
			do: serveLive(a.o.Stream), id: "streamEvents", live: true,
			summary: "Events as they come: SSE, NDJSON or WebSocket",
			query:   []string{"after", "since", "type", "source", "filter", "format"},
			media:   []string{"text/event-stream", "application/x-ndjson"}})
	}
	if a.o.Poll != nil {
		list = append(list, route{method: get, path: project + "/poll", access: control.Custom,
			do: serveLive(a.o.Poll), id: "pollEvents", live: true,
			summary: "The next events after a cursor, waiting for them if need be",
			query:   []string{"after", "since", "type", "source", "filter", "wait", "limit"}, out: pollPage{}})
	}
	return list
}

func serveLive(f Live) func(*call) error {
	return func(c *call) error { return f(c.w, c.r, c.param("owner"), c.param("project")) }
}
