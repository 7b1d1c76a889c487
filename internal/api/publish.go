package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// publish is the hot path: tens of thousands of events a second come this way. It answers once the events are
// committed.
func (a *API) publish(w http.ResponseWriter, r *http.Request) error {
	view, err := a.publishInto(r)
	if err != nil {
		return err
	}
	body, err := a.o.Ingest.ReadBody(w, r)
	if err != nil {
		return err
	}
	events, many, err := a.eventsOf(r, body)
	if err != nil {
		return err
	}
	if many {
		receipts, errs := a.o.Ingest.AcceptAll(r.Context(), view, events)
		for i := range events {
			if errs[i] == nil {
				errs[i] = a.checkRepeat(r.Context(), events[i], receipts[i])
			}
		}
		return a.replyBatch(w, events, receipts, errs)
	}
	receipt, err := a.o.Ingest.Accept(r.Context(), view, events[0])
	if err != nil {
		return err
	}
	if err := a.checkRepeat(r.Context(), events[0], receipt); err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = a.contentType
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(append(appendReceipt(make([]byte, 0, 96), receipt), '\n'))
	return nil
}

// checkRepeat refuses what says that it repeats an event and is another: telling its publisher that it was kept would
// lose it. What cannot be compared any more is believed, and so are CloudEvents, whose id and source are their
// identity.
func (a *API) checkRepeat(ctx context.Context, e *hookyard.Event, receipt hookyard.Receipt) error {
	if !receipt.Duplicate || strings.HasPrefix(e.DedupKey, "ce:") {
		return nil
	}
	first, err := a.o.Store.Event(ctx, e.ProjectKey, receipt.ID)
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && first.Body == nil {
		return nil
	}
	if err != nil {
		return err
	}
	if first.Type == e.Type && bytes.Equal(first.Data(), e.Data()) {
		return nil
	}
	field := "id"
	if strings.HasPrefix(e.DedupKey, "idem:") {
		field = "Idempotency-Key"
	}
	return &hookyard.Error{Code: hookyard.Conflict, Field: field,
		Message: "this " + field + " was used for another event, " + receipt.ID +
			": nothing was kept; give each event its own"}
}

// publishInto finds out who publishes and into which project.
func (a *API) publishInto(r *http.Request) (*hookyard.View, error) {
	id, err := a.identify(r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	view, err := a.project(ctx, r.PathValue("owner"), r.PathValue("project"))
	if err != nil {
		return nil, err
	}
	may, err := a.o.Auth.MayPublish(ctx, id, view.Project)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, notAuthorized(id, view.Project, hookyard.RoleWrite)
	}
	if view.Project.Key == 0 {
		return a.onUse(hookyard.WithActor(ctx, id.User.Name), view.Project, true)
	}
	return view, nil
}

// AuthorizePublish returns the project when whoever sent r may publish into it, and else the error to answer with.
func (a *API) AuthorizePublish(r *http.Request, owner, project string) (*hookyard.View, error) {
	if !hookyard.ValidPath(owner + project) {
		return nil, hookyard.Errorf(hookyard.NotFound,
			"no such project: its name holds control characters or is not UTF-8")
	}
	r = r.Clone(r.Context())
	r.SetPathValue("owner", owner)
	r.SetPathValue("project", project)
	return a.publishInto(r)
}

// EnsureProject returns a project, and makes it on its first use where Options.CreateOnUse.
func (a *API) EnsureProject(ctx context.Context, owner, name string) (*hookyard.View, error) {
	view, err := a.project(ctx, owner, name)
	if err != nil || view.Project.Key != 0 {
		return view, err
	}
	return a.onUse(ctx, view.Project, true)
}

// AuthorizeManage returns the project when whoever sent r may change its hooks and sources.
func (a *API) AuthorizeManage(r *http.Request, owner, project string) (*hookyard.View, error) {
	if err := checkPath(owner + project); err != nil {
		return nil, err
	}
	id, err := a.identify(r)
	if err != nil {
		return nil, err
	}
	return a.enter(r.Context(), id, owner, project, hookyard.RoleWrite, true)
}

// AuthorizeSignedIn fails when whoever sent r is nobody in particular.
func (a *API) AuthorizeSignedIn(r *http.Request) error {
	id, err := a.identify(r)
	if err != nil {
		return err
	}
	if id.Guest {
		return hookyard.Errorf(hookyard.Unauthenticated, "sign in first")
	}
	return nil
}

// eventsOf makes the events of a request: our own JSON, one or a list, or CloudEvents in one of their modes.
func (a *API) eventsOf(r *http.Request, body []byte) (events []*hookyard.Event, many bool, err error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return nil, false, err
	}
	at := time.Now()
	switch contentType := mediaOf(r.Header); {
	case strings.HasPrefix(contentType, "application/cloudevents-batch"):
		events, err = a.cloudEventBatch(contentType, body, at)
		many = true
	case strings.HasPrefix(contentType, "application/cloudevents"):
		events, err = a.cloudEvent(contentType, body, at)
	case len(r.Header["Ce-Specversion"]) > 0 || len(r.Header["Ce-Type"]) > 0:
		events, err = a.binaryCloudEvent(r.Header, body, at)
	default:
		events, many, err = a.ownEvents(body, at)
	}
	if err != nil || key == "" {
		return events, many, err
	}
	for i, e := range events {
		if e.DedupKey != "" {
			continue // its own id says more
		}
		e.DedupKey = "idem:" + key
		if many {
			e.DedupKey += "#" + strconv.Itoa(i)
		}
	}
	return events, many, nil
}

// ownEvents reads {"type","data"} or a list of them. When one of a list is malformed, none is made.
func (a *API) ownEvents(body []byte, at time.Time) ([]*hookyard.Event, bool, error) {
	if first := skipSpace(body, 0); first == len(body) || body[first] != '[' {
		e, err := a.ownEvent(body, at)
		return []*hookyard.Event{e}, false, err
	}
	items, err := splitArray(body, a.o.Limits.JSONDepth, a.o.Limits.Batch)
	if err != nil {
		return nil, true, err
	}
	events := make([]*hookyard.Event, len(items))
	for i, item := range items {
		if events[i], err = a.ownEvent(item, at); err != nil {
			return nil, true, atIndex(i, err)
		}
	}
	return events, true, nil
}

func (a *API) ownEvent(body []byte, at time.Time) (*hookyard.Event, error) {
	p, err := parsePublication(body, a.o.Limits.JSONDepth)
	if err != nil {
		return nil, err
	}
	e, err := hookyard.Publish(p, at, a.o.Limits)
	if err != nil {
		return nil, aboutData(err)
	}
	return e, nil
}

// aboutData says of an error about JSON whose field is not named that it is the data's.
func aboutData(err error) error {
	var e *hookyard.Error
	if !errors.As(err, &e) || e.Field != "" {
		return err
	}
	return &hookyard.Error{Code: e.Code, Field: "data", Message: "data: " + e.Message}
}

// atIndex says which of a list is wrong.
func atIndex(i int, err error) error {
	e := *describe(err)
	message := "event " + strconv.Itoa(i) + ": " + e.Detail + " (none of the list was kept)"
	return &statusError{err: &hookyard.Error{Code: e.Code, Message: message, Field: e.Field}, status: e.Status,
		index: &i}
}

// maxIdempotencyKey is the longest key in bytes.
const maxIdempotencyKey = 255

func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header["Idempotency-Key"]
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > maxIdempotencyKey || !utf8.ValidString(key) ||
		strings.ContainsFunc(key, isControl) {
		return "", hookyard.FieldErrorf("Idempotency-Key",
			"Idempotency-Key must stand once, with 1 to %d bytes of printable text", maxIdempotencyKey)
	}
	return key, nil
}

// mediaOf is the media type of a request, in lower case and without parameters.
func mediaOf(h http.Header) string {
	values := h["Content-Type"]
	if len(values) == 0 {
		return ""
	}
	t, _, _ := strings.Cut(values[0], ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// appendReceipt writes {"id","deliveries"}, and duplicate when it was one.
func appendReceipt(b []byte, r hookyard.Receipt) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, r.ID...)
	b = append(b, `","deliveries":`...)
	b = strconv.AppendInt(b, int64(r.Deliveries), 10)
	if r.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, '}')
}

// replyBatch answers what became of each event. When all failed for want of the database, the whole is to be repeated.
func (a *API) replyBatch(w http.ResponseWriter, events []*hookyard.Event, receipts []hookyard.Receipt,
	errs []error) error {
	out := make([]client.BatchReceipt, len(events))
	failed := 0
	for i := range events {
		if errs[i] == nil {
			out[i].Receipt = client.Receipt{ID: receipts[i].ID, Deliveries: receipts[i].Deliveries,
				Duplicate: receipts[i].Duplicate}
			continue
		}
		failed++
		e := describe(errs[i])
		if e.Status == http.StatusInternalServerError {
			a.o.Log.Error("an event of a list cannot be kept", "error", errs[i])
		}
		out[i].Error, out[i].Code = e.Detail, e.Code
	}
	if failed > 0 && failed == len(events) {
		return errs[0]
	}
	write(w, http.StatusAccepted, out)
	return nil
}
