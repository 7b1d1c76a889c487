package svix

import (
	"context"
	"net/http"
	"time"
)

// route is one method of one path.
type route struct {
	method, path string
	do           func(*call) (status int, v any, err error) // v nil: no body
	whole        bool                                       // not for a token of one application
	open         bool                                       // needs no token
}

func routes() []route {
	const (
		get   = http.MethodGet
		put   = http.MethodPut
		patch = http.MethodPatch
		post  = http.MethodPost
		del   = http.MethodDelete

		app      = "/app/{app}"
		endpoint = app + "/endpoint/{endpoint}"
		msg      = app + "/msg/{msg}"
		attempt  = msg + "/attempt/{attempt}"

		eventType = "/event-type/{name}"
	)
	return []route{
		{method: get, path: "/health", do: health, open: true},
		{method: get, path: "/health/ping", do: ping, open: true},

		{method: get, path: "/app", do: listApps, whole: true},
		{method: post, path: "/app", do: createApp, whole: true},
		{method: get, path: app, do: showApp},
		{method: put, path: app, do: putApp, whole: true},
		{method: patch, path: app, do: patchApp, whole: true},
		{method: del, path: app, do: deleteApp, whole: true},

		{method: get, path: app + "/endpoint", do: listEndpoints},
		{method: post, path: app + "/endpoint", do: createEndpoint},
		{method: get, path: endpoint, do: showEndpoint},
		{method: put, path: endpoint, do: putEndpoint},
		{method: patch, path: endpoint, do: patchEndpoint},
		{method: del, path: endpoint, do: deleteEndpoint},
		{method: get, path: endpoint + "/secret", do: showSecret},
		{method: post, path: endpoint + "/secret/rotate", do: rotateSecret},
		{method: get, path: endpoint + "/headers", do: showHeaders},
		{method: put, path: endpoint + "/headers", do: putHeaders},
		{method: patch, path: endpoint + "/headers", do: patchHeaders},
		{method: get, path: endpoint + "/stats", do: endpointStats},
		{method: post, path: endpoint + "/send-example", do: sendExample, whole: true},
		{method: post, path: endpoint + "/recover", do: recoverFailed},
		{method: post, path: endpoint + "/replay-missing", do: replayMissing},
		{method: post, path: endpoint + "/bulk-replay", do: bulkReplay},
		{method: get, path: endpoint + "/msg", do: listAttemptedMessages},
		{method: get, path: endpoint + "/transformation", do: noTransformation},
		{method: patch, path: endpoint + "/transformation", do: noTransformation},

		{method: get, path: app + "/msg", do: listMessages},
		{method: post, path: app + "/msg", do: createMessage, whole: true},
		{method: get, path: msg, do: showMessage},
		{method: del, path: msg + "/content", do: expungeMessage, whole: true},
		{method: get, path: msg + "/raw", do: rawMessage},
		{method: get, path: msg + "/endpoint", do: listDestinations},
		{method: post, path: msg + "/endpoint/{endpoint}/resend", do: resend},

		{method: get, path: app + "/attempt/endpoint/{endpoint}", do: listByEndpoint},
		{method: get, path: app + "/attempt/msg/{msg}", do: listByMessage},
		{method: get, path: msg + "/attempt", do: listByMessage},
		{method: get, path: msg + "/endpoint/{endpoint}/attempt", do: listByBoth},
		{method: get, path: attempt, do: showAttempt},
		{method: del, path: attempt + "/content", do: expungeAttempt, whole: true},

		{method: get, path: "/event-type", do: listEventTypes},
		{method: post, path: "/event-type", do: createEventType, whole: true},
		{method: get, path: eventType, do: showEventType},
		{method: put, path: eventType, do: changeEventType(true), whole: true},
		{method: patch, path: eventType, do: changeEventType(false), whole: true},
		{method: del, path: eventType, do: deleteEventType, whole: true},

		{method: get, path: "/background-task/{task}", do: showTask},

		{method: post, path: "/auth/app-portal-access/{app}", do: openPortal, whole: true},
		{method: post, path: "/auth/dashboard-access/{app}", do: openPortal, whole: true},
		{method: post, path: "/auth/app/{app}/expire-all", do: closePortal, whole: true},
		{method: post, path: "/auth/logout", do: noLogout},
	}
}

// healthTime is how long the database has to answer.
const healthTime = 5 * time.Second

func health(c *call) (int, any, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), healthTime)
	defer cancel()
	status, state := http.StatusOK, "ok"
	if err := c.a.o.Ping(ctx); err != nil {
		status, state = http.StatusInternalServerError, "error"
	}
	type part struct {
		Status string `json:"status"`
	}
	return status, struct {
		Database part `json:"database"`
		Queue    part `json:"queue"` // is the database, and so is the cache
		Cache    part `json:"cache"`
	}{part{state}, part{state}, part{state}}, nil
}

func ping(*call) (int, any, error) { return http.StatusNoContent, nil, nil }

func noTransformation(*call) (int, any, error) {
	return 0, nil, unsupported("hookyard runs no JavaScript: use a hook's template and filter (docs/guide.md)")
}
