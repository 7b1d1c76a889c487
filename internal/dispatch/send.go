package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/signature"
)

// send makes one attempt of a delivery and hands its result to the store. First attempt and hundredth retry are this
// same way with another number.
func (d *Dispatcher) send(l *lane, w *hookyard.Work) {
	defer d.memory.Add(-w.Event.Size)
	ctx := d.ctx
	h, err := l.meet(ctx)
	if err != nil {
		d.wait(l, w, err)
		return
	}
	if reason, off := h.IsOff(); off {
		state := hookyard.Skipped
		if h.Deleted {
			state = hookyard.Canceled
		}
		d.finish(l, &hookyard.Result{Work: w, Decision: hookyard.Decision{State: state, Reason: reason}}, false)
		return
	}
	attempt, outcome, err := d.attempt(ctx, h, w)
	if err != nil {
		d.wait(l, w, err)
		return
	}
	// cut off by our own stop: not the receiver's fault, and not counted
	if (ctx.Err() != nil || outcome.Kind == egress.KindCanceled) && !outcome.OK() {
		d.finish(l, &hookyard.Result{Work: w,
			Decision: hookyard.Decision{State: hookyard.Pending, Due: time.Now()}}, false)
		return
	}
	now := attempt.StartedAt.Add(attempt.Duration)
	decision, changed := l.ended(h, outcome, func(before hookyard.Health) hookyard.Decision {
		dec := hookyard.Decide(h, before, w.Delivery.Tries+1, outcome, now, d.random())
		if h.Ordered && dec.State == hookyard.Pending && dec.Due.After(dec.Health.RestUntil) {
			dec.Health.RestUntil = dec.Due // the wait is the hook's: nothing may overtake
		}
		return dec
	})
	d.lastEnd.Store(now.UnixMicro())
	r := &hookyard.Result{Work: w, Attempt: attempt, Decision: decision, HookOff: decision.HookOff}
	if changed {
		r.Health = &decision.Health
	}
	r.Meta = d.metaEvents(ctx, h, w, decision)
	if d.o.Watch != nil {
		d.o.Watch.Attempted(w, attempt, decision)
	}
	d.finish(l, r, h.Ordered)
	if h.Ordered && decision.State == hookyard.Pending {
		l.putBack() // what was taken after it must wait for it
	}
}

// wait puts a delivery back that could not be sent for want of the database.
func (d *Dispatcher) wait(l *lane, w *hookyard.Work, err error) {
	if d.ctx.Err() == nil {
		d.o.Log.Error("what a delivery needs cannot be read; it waits", "delivery", w.Delivery.ID, "error", err)
	}
	d.finish(l, &hookyard.Result{Work: w,
		Decision: hookyard.Decision{State: hookyard.Pending, Due: time.Now().Add(time.Second)}}, false)
}

func (d *Dispatcher) random() float64 {
	if d.o.Rand != nil {
		return d.o.Rand()
	}
	return rand.Float64()
}

// finish hands a result to the store and, once it is committed, tells the lanes of what is due. An ordered lane waits
// for the commit: what comes next must not be sent before this is known. A store that cannot be reached is tried again
// until it can: the result is all there is to know that the receiver has the event.
func (d *Dispatcher) finish(l *lane, r *hookyard.Result, wait bool) {
	done := make(chan struct{})
	d.work.Add(1)
	var try func()
	pause := 50 * time.Millisecond
	then := func(err error) {
		if retryable(err) {
			d.o.Log.Warn("result of an attempt cannot be kept; trying again", "delivery", r.Work.Delivery.ID, "error",
				err)
			pause = min(pause*2, 5*time.Second)
			time.AfterFunc(pause, try)
			return
		}
		// the record is to blame: keep at least the state
		if err != nil && !errors.Is(err, hookyard.ErrLost) && r.Attempt != nil {
			d.o.Log.Error("record of an attempt was refused by the database", "delivery", r.Work.Delivery.ID, "error",
				err)
			r.Attempt, r.Meta = nil, nil
			r.Decision.Reason = "the attempt's record was refused by the database"
			go try() // not from here: this is the committer, which must not wait for itself
			return
		}
		l.letGo(r.Work.Delivery.EventSeq)
		d.after(l, r, err)
		close(done)
		d.work.Done()
	}
	try = func() {
		if err := d.o.Store.FinishThen(context.WithoutCancel(d.ctx), r, then); err != nil {
			d.o.Log.Error("result of an attempt is lost with the stop; the delivery will be repeated", "delivery",
				r.Work.Delivery.ID, "error", err)
			l.letGo(r.Work.Delivery.EventSeq)
			close(done)
			d.work.Done()
		}
	}
	try()
	if wait {
		<-done
	}
}

// retryable says whether the store failed for a reason that passes.
func retryable(err error) bool { return errors.Is(err, hookyard.ErrUnavailable) }

// after follows a committed result: rows that wait, and events that were made.
func (d *Dispatcher) after(l *lane, r *hookyard.Result, err error) {
	if err != nil {
		d.o.Log.Warn("result of an attempt was refused", "delivery", r.Work.Delivery.ID, "error", err)
		return
	}
	if r.Decision.State == hookyard.Pending {
		l.rowsAt(r.Decision.Due)
	}
	if r.HookOff != "" {
		d.Renew(l.key)
	}
	for _, routed := range r.Meta {
		for i := range routed.Deliveries {
			d.Wake(routed.Deliveries[i].HookKey)
		}
	}
}

// attempt shapes, signs and sends, and describes what happened. An error means that nothing was attempted, because the
// database could not be asked.
func (d *Dispatcher) attempt(ctx context.Context, h *hookyard.Hook, w *hookyard.Work) (*hookyard.Attempt,
	hookyard.Outcome, error) {
	started := time.Now()
	a := &hookyard.Attempt{EventSeq: w.Delivery.EventSeq, HookKey: h.Key, N: w.Delivery.Attempts + 1,
		StartedAt: started, URL: hookyard.MaskURL(h.URL)}
	shaped, resourceKey, err := d.shape(ctx, h, w.Event)
	if unread := (*unreadError)(nil); errors.As(err, &unread) {
		return nil, hookyard.Outcome{}, unread.err
	}
	if err != nil {
		a.Error, a.ErrorKind, a.Duration = hookyard.Clean(err.Error(), 1000), hookyard.KindShape, time.Since(started)
		return a, hookyard.Outcome{Kind: hookyard.KindShape, Error: a.Error}, nil
	}
	header, err := d.header(h, w.Event, shaped, started)
	if err != nil {
		a.Error, a.ErrorKind, a.Duration = hookyard.Clean(err.Error(), 1000), hookyard.KindShape, time.Since(started)
		return a, hookyard.Outcome{Kind: hookyard.KindShape, Error: a.Error}, nil
	}
	a.RequestHeader, a.RequestSize = maskSent(header, h, shaped), int64(len(shaped.Body))
	if !sameBytes(shaped.Body, w.Event.Body) {
		a.RequestBody = shaped.Body
	}
	var o hookyard.Outcome
	if h.IsAMQP() {
		o = d.publish(ctx, h, w.Event, header, shaped)
		a.Duration = time.Since(started)
	} else {
		o = d.post(ctx, h, header, shaped.Body, a)
	}
	o.Error = hookyard.Clean(o.Error, 1000)
	a.Status, a.Error, a.ErrorKind = o.Status, o.Error, o.Kind
	if resourceKey != "" && o.OK() {
		d.remember(ctx, h, resourceKey, a.ResponseBody)
	}
	return a, o, nil
}

// unreadError is the database's, while something was shaped: it says nothing about the event or the hook.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }

func unread(err error) error {
	if err == nil || errors.Is(err, hookyard.ErrNotFound) {
		return err
	}
	return &unreadError{err}
}

// shape makes the body; for formats that talk in threads it brings the thread along.
func (d *Dispatcher) shape(ctx context.Context, h *hookyard.Hook, e *hookyard.Event) (shaped format.Shaped,
	resource string, err error) {
	view, err := d.o.Store.ViewByKey(ctx, h.ProjectKey)
	if err != nil {
		return shaped, "", unread(err)
	}
	if e.Body == nil && e.Size > 0 {
		return shaped, "", errors.New("the event's bytes are past retention")
	}
	name := view.Project.EffectiveFormat(h)
	in := format.Input{Event: e, Hook: h, Project: view.Project, BaseURL: d.o.BaseURL, Now: time.Now()}
	shaped, err = format.Shape(name, in)
	if err != nil || name != "googlechat" || shaped.Resource == "" {
		return shaped, "", err
	}
	if in.Thread, err = d.o.Store.Thread(ctx, h.Key, shaped.Resource); err != nil || in.Thread == "" {
		return shaped, shaped.Resource, unread(err)
	}
	again, err := format.Shape(name, in)
	return again, shaped.Resource, err
}

func (d *Dispatcher) remember(ctx context.Context, h *hookyard.Hook, resource string, answer []byte) {
	thread := format.ThreadOf("googlechat", answer)
	if thread == "" {
		return
	}
	if err := d.o.Store.SetThread(ctx, h.Key, resource, thread); err != nil {
		d.o.Log.Warn("thread of a conversation cannot be kept", "hook", h.ID, "error", err)
	}
}

// header makes the headers of an attempt: the hook's own, the format's, and ours, which win.
func (d *Dispatcher) header(h *hookyard.Hook, e *hookyard.Event, shaped format.Shaped, now time.Time) (http.Header,
	error) {
	out := make(http.Header, 10+len(h.Headers)+len(shaped.Header))
	out["X-Github-Event"] = []string{e.Type}
	for name, value := range h.Headers {
		out[name] = []string{value}
	}
	for name, values := range shaped.Header {
		out[name] = values
	}
	if t := out["X-Github-Event"][0]; t == "" || strings.ContainsFunc(t, unicode.IsControl) {
		delete(out, "X-Github-Event")
	}
	stamp := now.Unix()
	out["Content-Type"] = []string{shaped.ContentType}
	if shaped.ContentType == "" {
		out["Content-Type"] = []string{"application/octet-stream"}
	}
	out["User-Agent"] = []string{d.o.UserAgent}
	out["Webhook-Id"] = []string{e.ID}
	out["Webhook-Timestamp"] = []string{strconv.FormatInt(stamp, 10)}
	out["X-Github-Delivery"] = []string{e.ID}
	out["X-Github-Hook-Id"] = []string{strconv.FormatInt(h.Key, 10)}
	if len(h.Secrets) == 0 {
		return out, nil
	}
	live := hookyard.Live(h.Secrets, now)
	if len(live) == 0 {
		return out, nil
	}
	signed, err := signature.SignStandard(live, e.ID, now, shaped.Body)
	if err != nil {
		return nil, err
	}
	out["Webhook-Signature"] = []string{signed}
	for _, secret := range live { // the newest that GitHub's scheme can use: ed25519 keys it cannot
		if !strings.HasPrefix(secret, "whsk_") {
			out["X-Hub-Signature-256"] = []string{signature.SignGitHub(secret, shaped.Body)}
			break
		}
	}
	return out, nil
}

// maskSent is the header as it is kept: credentials the hook or the format added are masked, signatures are shown.
func maskSent(sent http.Header, h *hookyard.Hook, shaped format.Shaped) http.Header {
	for name := range h.Headers {
		if hookyard.IsSensitive(name) {
			return hookyard.MaskHeader(sent)
		}
	}
	for name := range shaped.Header {
		if hookyard.IsSensitive(name) {
			return hookyard.MaskHeader(sent)
		}
	}
	return sent
}

func (d *Dispatcher) post(ctx context.Context, h *hookyard.Hook, header http.Header, body []byte,
	a *hookyard.Attempt) hookyard.Outcome {
	resp, err := d.o.Client.Do(ctx, &egress.Request{
		Method: http.MethodPost, URL: h.URL, Header: header, Body: body, Timeout: h.EffectiveTimeout(),
		MaxBody: d.o.Limits.ResponseBody, InsecureTLS: h.InsecureTLS,
	})
	a.Duration = time.Since(a.StartedAt)
	var o hookyard.Outcome
	if resp != nil {
		a.ResponseHeader, a.ResponseBody, a.ResponseTruncated = hookyard.MaskHeader(resp.Header), resp.Body,
			resp.Truncated
		a.Remote, a.Timing = resp.Remote, hookyard.Timing(resp.Timing)
		o.Status = resp.Status
		if resp.Status == http.StatusTooManyRequests || resp.Status >= 500 {
			o.RetryAfter = egress.RetryAfter(resp.Header, a.StartedAt.Add(a.Duration))
		}
	}
	var e *egress.Error
	if errors.As(err, &e) {
		o.Kind, o.Error = hookyard.ErrorKind(e.Kind), e.Message
		if e.Remote != "" {
			a.Remote = e.Remote
		}
	} else if err != nil {
		o.Kind, o.Error = hookyard.KindProtocol, err.Error()
	}
	return o
}

func (d *Dispatcher) publish(ctx context.Context, h *hookyard.Hook, e *hookyard.Event, header http.Header,
	shaped format.Shaped) hookyard.Outcome {
	if d.o.Broker == nil {
		return hookyard.Outcome{Kind: hookyard.KindBroker, Error: "this server was built without a broker"}
	}
	ctx, cancel := context.WithTimeout(ctx, h.EffectiveTimeout())
	defer cancel()
	flat := make(map[string]string, len(header))
	for name, values := range header {
		flat[name] = values[0]
	}
	return d.o.Broker.Send(ctx, h, e.Type, flat, shaped.ContentType, shaped.Body)
}

// metaEvents returns the events about a hook that was switched off or a delivery that was given up. There are none about
// a failed delivery of such an event, and those about failed deliveries are made only when a hook wants them.
func (d *Dispatcher) metaEvents(ctx context.Context, h *hookyard.Hook, w *hookyard.Work,
	dec hookyard.Decision) []*hookyard.RoutedEvent {
	if w.Event.IsMeta() && dec.HookOff == "" || dec.State != hookyard.Failed && dec.HookOff == "" {
		return nil
	}
	view, err := d.o.Store.ViewByKey(ctx, h.ProjectKey)
	if err != nil {
		return nil
	}
	hooks := except(view.Hooks, h.Key)
	route := func(kind string, data map[string]any) *hookyard.RoutedEvent {
		data["hookId"], data["url"], data["project"] = h.ID, hookyard.URLOrigin(h.URL), view.Project.Path()
		b, _ := json.Marshal(data) // of strings and numbers: cannot fail
		e := hookyard.NewMeta(h.ProjectKey, kind, b, time.Now())
		return hookyard.Route(e, hooks, d.o.Filter)
	}
	var out []*hookyard.RoutedEvent
	if dec.HookOff != "" {
		out = append(out, route("hookyard.hook.disabled",
			map[string]any{"reason": dec.HookOff, "deliveryId": w.Delivery.ID, "failures": dec.Health.Failures}))
	}
	if dec.State == hookyard.Failed && !w.Event.IsMeta() {
		r := route("hookyard.delivery.failed",
			map[string]any{"deliveryId": w.Delivery.ID, "eventId": w.Event.ID, "eventType": w.Event.Type,
				"reason": dec.Reason, "attempts": w.Delivery.Attempts + 1})
		if len(r.Deliveries) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// except returns the hooks without one: a hook that fails could not be told of its own failure.
func except(hooks []*hookyard.Hook, key int64) []*hookyard.Hook {
	out := make([]*hookyard.Hook, 0, len(hooks))
	for _, h := range hooks {
		if h.Key != key {
			out = append(out, h)
		}
	}
	return out
}

func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
