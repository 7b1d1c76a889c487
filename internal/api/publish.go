package api

import (
	"errors"
	"net/http"
	"slices"
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
	id, err := a.identify(r)
	if err != nil {
		return err
	}
	snapshot, err := a.o.Control.Publish(r.Context(), id, r.PathValue("owner"), r.PathValue("project"))
	if err != nil {
		return err
	}
	body, err := a.o.Ingest.ReadBody(w, r)
	if err != nil {
		return err
	}
	events, many, err := a.eventsOf(r, snapshot.Project, body)
	if err != nil {
		return err
	}
	if at, err := a.o.Control.Conform(r.Context(), snapshot, events); err != nil {
		if many && hookyard.CodeOf(err) == hookyard.Unprocessable {
			return atIndex(at, err)
		}
		return err
	}
	if many {
		receipts, errs := a.o.Ingest.AcceptAll(r.Context(), snapshot, events)
		for i := range events {
			if errs[i] == nil {
				errs[i] = a.o.Control.CheckRepeat(r.Context(), events[i], receipts[i])
			}
		}
		return a.replyBatch(w, events, receipts, errs)
	}
	receipt, err := a.o.Ingest.Accept(r.Context(), snapshot, events[0])
	if err != nil {
		return err
	}
	if err := a.o.Control.CheckRepeat(r.Context(), events[0], receipt); err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = a.contentType
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(append(appendReceipt(make([]byte, 0, 96), receipt, events[0].Warning()), '\n'))
	return nil
}

// eventsOf makes the events of a request: our own JSON, one or a list, or CloudEvents in one of their modes.
func (a *API) eventsOf(r *http.Request, p *hookyard.Project, body []byte) (events []*hookyard.Event, many bool,
	err error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return nil, false, err
	}
	at := time.Now()
	isBinary := len(r.Header["Ce-Specversion"]) > 0 || len(r.Header["Ce-Type"]) > 0
	if !isBinary || hookyard.IsJSONType(r.Header.Get("Content-Type")) {
		body = hookyard.Text("", body) // PowerShell writes a byte order mark
	}
	switch contentType := hookyard.MediaType(r.Header.Get("Content-Type")); {
	case strings.HasPrefix(contentType, "application/cloudevents-batch"):
		events, err = a.cloudEventBatch(contentType, body, at)
		many = true
	case strings.HasPrefix(contentType, "application/cloudevents"):
		events, err = a.cloudEvent(contentType, body, at)
	case isBinary:
		events, err = a.binaryCloudEvent(r.Header, body, at)
	default:
		events, many, err = a.ownEvents(p, body, at)
	}
	if err != nil {
		return events, many, err
	}
	if trace := hookyard.TraceOf(r.Header); trace.Parent != "" {
		for _, e := range events {
			e.Trace = trace
		}
	}
	if hops := r.Header[hookyard.HeaderHops]; len(hops) > 0 {
		for _, e := range events {
			if e.Header == nil {
				e.Header = http.Header{}
			}
			e.Header[hookyard.HeaderHops] = hops[:1]
		}
	}
	if key == "" {
		return events, many, nil
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
func (a *API) ownEvents(p *hookyard.Project, body []byte, at time.Time) ([]*hookyard.Event, bool, error) {
	if first := hookyard.SkipJSONSpace(body, 0); first == len(body) || body[first] != '[' {
		e, err := a.ownEvent(p, body, at)
		return []*hookyard.Event{e}, false, err
	}
	items, err := splitArray(body, a.o.Limits.JSONDepth, a.o.Limits.Batch)
	if err != nil {
		return nil, true, err
	}
	events := make([]*hookyard.Event, len(items))
	for i, item := range items {
		if events[i], err = a.ownEvent(p, item, at); err != nil {
			return nil, true, atIndex(i, err)
		}
	}
	return events, true, nil
}

func (a *API) ownEvent(project *hookyard.Project, body []byte, at time.Time) (*hookyard.Event, error) {
	p, isNotification, err := parseNotification(project, body)
	if err == nil && !isNotification {
		p, err = parsePublication(body, a.o.Limits.JSONDepth)
	}
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

// appendReceipt writes {"id","deliveries"}, duplicate when it was one, and warning when there is one.
func appendReceipt(b []byte, r hookyard.Receipt, warning string) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, r.ID...)
	b = append(b, `","deliveries":`...)
	b = strconv.AppendInt(b, int64(r.Deliveries), 10)
	if r.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	if warning != "" {
		b = hookyard.AppendJSONString(append(b, `,"warning":`...), warning)
	}
	return append(b, '}')
}

// replyBatch answers what became of each event. When all failed, the request did.
func (a *API) replyBatch(w http.ResponseWriter, events []*hookyard.Event, receipts []hookyard.Receipt,
	errs []error) error {
	if len(errs) > 0 && !slices.ContainsFunc(errs, func(err error) bool { return err == nil }) {
		return errs[0]
	}
	out := make([]client.BatchReceipt, len(events))
	for i := range events {
		if errs[i] == nil {
			out[i].Receipt = client.Receipt{ID: receipts[i].ID, Deliveries: receipts[i].Deliveries,
				Duplicate: receipts[i].Duplicate, Warning: events[i].Warning()}
			continue
		}
		e := describe(errs[i])
		if e.Status == http.StatusInternalServerError {
			a.o.Log.Error("an event of a list cannot be kept", "error", errs[i])
		}
		out[i].Error, out[i].Code = e.Detail, e.Code
	}
	write(w, http.StatusAccepted, out)
	return nil
}
