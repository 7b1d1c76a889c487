package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/signature"
)

// send makes one attempt of a delivery and hands its result to the store. The first attempt and the hundredth differ in
// nothing but the number.
func (d *Dispatcher) send(l *lane, w *hookyard.Work) {
	defer d.memory.Add(-heldBytes(w.Event))
	ctx := d.ctx
	h, err := l.refreshHook(ctx)
	if err != nil {
		d.postpone(l, w, err)
		return
	}
	if state, reason, off := endState(h); off {
		d.finish(l, &hookyard.Result{Work: w, Decision: hookyard.Decision{State: state, Reason: reason}})
		return
	}
	canceled, err := d.replayCanceled(ctx, w)
	if err != nil {
		d.postpone(l, w, err)
		return
	}
	if canceled {
		d.finish(l, endCanceled(w))
		return
	}
	release, err := d.loadLarge(ctx, h, w, l.isFailing())
	if err != nil {
		d.postpone(l, w, err)
		return
	}
	defer release()
	trace, endSpan := d.trace(w)
	attempt, outcome, err := d.attempt(ctx, h, w, trace)
	if err != nil {
		d.postpone(l, w, err)
		return
	}
	// cut off by our own stop: not the receiver's fault, so it does not count
	if (ctx.Err() != nil || outcome.Kind == egress.KindCanceled) && !outcome.OK() {
		d.finish(l, &hookyard.Result{Work: w,
			Decision: hookyard.Decision{State: hookyard.Pending, Due: time.Now()}})
		return
	}
	now := attempt.StartedAt.Add(attempt.Duration)
	decision, changed := l.recordOutcome(h, outcome, func(before hookyard.Health) hookyard.Decision {
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
	d.addMeta(ctx, r, h)
	endSpan(attempt, decision)
	d.finish(l, r)
	if h.Ordered && decision.State == hookyard.Pending {
		l.putBack() // what was claimed with it must wait for it, also when it is due at once
	}
}

// postpone puts a delivery back that could not be sent because the database could not be read.
func (d *Dispatcher) postpone(l *lane, w *hookyard.Work, err error) {
	if d.ctx.Err() == nil {
		d.o.Log.Error("what a delivery needs cannot be read; it waits", "delivery", w.Delivery.ID, "error", err)
	}
	d.finish(l, &hookyard.Result{Work: w,
		Decision: hookyard.Decision{State: hookyard.Pending, Due: time.Now().Add(time.Second)}})
	if l.isOrdered() {
		l.putBack() // nothing may overtake it
	}
}

func (d *Dispatcher) random() float64 {
	if d.o.Rand != nil {
		return d.o.Rand()
	}
	return rand.Float64()
}

// trace starts the span of an attempt, which end ends.
func (d *Dispatcher) trace(w *hookyard.Work) (t hookyard.Trace, end func(*hookyard.Attempt, hookyard.Decision)) {
	if d.o.Tracer == nil {
		return w.Event.Trace, func(*hookyard.Attempt, hookyard.Decision) {}
	}
	return d.o.Tracer.Attempting(w)
}

// attempt shapes, signs and sends, and describes what happened. An error means that nothing was attempted, because the
// database could not be asked.
func (d *Dispatcher) attempt(ctx context.Context, h *hookyard.Hook, w *hookyard.Work,
	trace hookyard.Trace) (*hookyard.Attempt, hookyard.Outcome, error) {
	started := time.Now()
	a := &hookyard.Attempt{EventSeq: w.Delivery.EventSeq, HookKey: h.Key, N: w.Delivery.Attempts + 1,
		StartedAt: started, URL: hookyard.MaskURL(h.URL), Manual: w.Delivery.Reopened()}
	shaped, err := d.shape(ctx, h, w.Event)
	if failed := (*storeError)(nil); errors.As(err, &failed) {
		return nil, hookyard.Outcome{}, failed.err
	}
	var header http.Header
	if err == nil {
		a.URL, a.Method = hookyard.MaskURL(shaped.request.URL), shaped.request.Method
		shaped.trace = trace
		header, err = d.header(h, w.Event, shaped, started)
	}
	if err != nil {
		a.Error = hookyard.Clean(err.Error(), 1000)
		a.ErrorKind = hookyard.KindShape
		a.Duration = time.Since(started)
		return a, hookyard.Outcome{Kind: hookyard.KindShape, Error: a.Error}, nil
	}
	a.RequestHeader, a.RequestSize = hookyard.MaskSent(header, h), int64(len(shaped.Body))
	if !sameBytes(shaped.Body, w.Event.Body) {
		a.RequestBody = hookyard.KeptBody(shaped.Body)
	}
	var o hookyard.Outcome
	if h.IsAMQP() {
		o = d.publish(ctx, h, w.Event, header, shaped.Shaped)
		a.Duration = time.Since(started)
	} else {
		o = d.post(ctx, h, header, shaped, a)
	}
	o.Error = hookyard.Clean(o.Error, 1000)
	a.Status = o.Status
	a.Error = o.Error
	a.ErrorKind = o.Kind
	if shaped.thread != "" && o.OK() {
		d.remember(ctx, h, shaped.thread, a.ResponseBody)
	}
	return a, o, nil
}

// storeError is an error of the database while an event is shaped. It says nothing about the event or the hook.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }

func fromStore(err error) error {
	if err == nil || errors.Is(err, hookyard.ErrNotFound) {
		return err
	}
	return &storeError{err}
}

// outgoing is a shaped event with the request that carries it.
type outgoing struct {
	format.Shaped
	request hookyard.Outgoing
	trace   hookyard.Trace // that the receiver continues
	thread  string         // key of the thread to remember from the response, or ""
	format  string         // of the body
}

// shape makes the body; for formats that talk in threads it brings the thread along.
func (d *Dispatcher) shape(ctx context.Context, h *hookyard.Hook, e *hookyard.Event) (outgoing, error) {
	var out outgoing
	snapshot, err := d.o.Hooks.SnapshotByKey(ctx, h.ProjectKey)
	if err != nil {
		return out, fromStore(err)
	}
	name := snapshot.Project.EffectiveFormat(h)
	out.format = name
	if e.Body == nil && e.Size > 0 && format.NeedsBody(name, e.Size, d.o.Decoding.Limit()) {
		return out, errors.New("the event's bytes are past retention")
	}
	if out.request, err = h.Outgoing(e, name); err != nil {
		return out, err
	}
	in := format.Input{Event: e, Hook: h, Project: snapshot.Project, BaseURL: d.o.BaseURL, Now: time.Now(),
		Decode: d.o.Decoding.Limit()}
	if format.Decodes(name) || name != format.Raw && e.Encoding() != "" {
		release, err := d.o.Decoding.Acquire(ctx, e.DecodeSize(in.Decode))
		if err != nil {
			return out, &storeError{err}
		}
		defer release()
	}
	if format.Copies(name) {
		budget.Collect(int64(len(e.Body)))
	}
	out.Shaped, err = format.Shape(name, in)
	if h.Method == http.MethodGet {
		out.Body, out.ContentType = nil, ""
	}
	if err != nil || name != "googlechat" || out.Resource == "" {
		return out, err
	}
	out.thread = out.Resource
	if in.Thread, err = d.o.Threads.Thread(ctx, h.Key, out.Resource); err != nil || in.Thread == "" {
		return out, fromStore(err)
	}
	out.Shaped, err = format.Shape(name, in)
	return out, err
}

func (d *Dispatcher) remember(ctx context.Context, h *hookyard.Hook, resource string, answer []byte) {
	thread := format.ThreadOf("googlechat", answer)
	if thread == "" {
		return
	}
	if err := d.o.Threads.SetThread(ctx, h.Key, resource, thread); err != nil {
		d.o.Log.Warn("thread of a conversation cannot be kept", "hook", h.ID, "error", err)
	}
}

// header makes the headers of an attempt: those of the received request, the hook's own, the format's, and ours. The
// later ones win, but for two that a receiver of the provider's requests relies on: the provider's name of the event,
// and, where the hook does not sign, the provider's id, time and signature of Standard Webhooks, which belong together.
func (d *Dispatcher) header(h *hookyard.Hook, e *hookyard.Event, shaped outgoing, now time.Time) (http.Header,
	error) {
	live := hookyard.Live(h.Secrets, now)
	out := make(http.Header, 12+len(shaped.request.Header)+len(h.Headers)+len(shaped.Header))
	out["X-Github-Event"] = []string{e.Type}
	passOn(out, e, shaped, len(live) > 0)
	shaped.trace.SetHeader(out)
	signedBySender := out["Webhook-Signature"] != nil
	for name, value := range h.Headers {
		out[name] = []string{value}
	}
	for name, values := range shaped.Header {
		out[name] = values
	}
	if t := out["X-Github-Event"][0]; t == "" || strings.ContainsFunc(t, unicode.IsControl) {
		delete(out, "X-Github-Event")
	}
	out["Content-Type"] = []string{shaped.ContentType}
	if shaped.ContentType == "" {
		out["Content-Type"] = []string{"application/octet-stream"}
	}
	if m := shaped.request.Method; len(shaped.Body) == 0 && (m == http.MethodGet || m == http.MethodDelete) {
		delete(out, "Content-Type")
	}
	out["User-Agent"] = []string{d.o.UserAgent}
	hookyard.SetHops(out, e.Header)
	out["X-Github-Delivery"] = []string{e.ID}
	out["X-Github-Hook-Id"] = []string{strconv.FormatInt(h.Key, 10)}
	if signedBySender {
		return out, nil
	}
	how := h.EffectiveSignature(shaped.format)
	id := e.ID
	if how == hookyard.SignSvix {
		id = e.MessageID()
		out["Svix-Id"] = []string{id}
		out["Svix-Timestamp"] = []string{strconv.FormatInt(now.Unix(), 10)}
	}
	out["Webhook-Id"] = []string{id}
	out["Webhook-Timestamp"] = []string{strconv.FormatInt(now.Unix(), 10)}
	if len(live) == 0 {
		return out, nil
	}
	// The newest secret that GitHub's scheme can use: ed25519 keys it cannot.
	i := slices.IndexFunc(live, func(secret string) bool { return !strings.HasPrefix(secret, "whsk_") })
	if (how == hookyard.SignGitHub || how == hookyard.SignBoth) && i >= 0 {
		out["X-Hub-Signature-256"] = []string{signature.SignGitHub(live[i], shaped.Body)}
		if how == hookyard.SignGitHub {
			return out, nil
		}
	}
	signed, err := signature.SignStandard(live, id, now, shaped.Body)
	if err != nil {
		return nil, err
	}
	out["Webhook-Signature"] = []string{signed}
	if how == hookyard.SignSvix {
		out["Svix-Signature"] = out["Webhook-Signature"]
	}
	return out, nil
}

// passOn adds the headers of the received request. Those that describe the received bytes are left out if others are
// sent, and so are signatures in the place of ours if the hook signs.
func passOn(out http.Header, e *hookyard.Event, shaped outgoing, signs bool) {
	sameBody := sameBytes(shaped.Body, e.Body)
	if encoding := e.Encoding(); encoding != "" && sameBody && len(e.Body) > 0 {
		out["Content-Encoding"] = []string{encoding}
	}
	passed := shaped.request.Header
	whole := !signs && sameBody && passed.Get("Webhook-Id") != "" && passed.Get("Webhook-Timestamp") != "" &&
		passed.Get("Webhook-Signature") != ""
	for name, values := range passed {
		switch {
		case strings.HasPrefix(name, "Webhook-") && !whole:
		case strings.HasPrefix(name, "X-Hub-Signature") && signs:
		case strings.HasPrefix(name, "Ce-") && shaped.Header.Get("Ce-Specversion") != "":
		case isOfBody(name) && !sameBody:
		default:
			out[name] = values
		}
	}
}

// isOfBody reports whether a header describes the bytes of the body.
func isOfBody(name string) bool {
	switch name {
	case "Content-Encoding", "Content-Md5", "Content-Digest", "Repr-Digest", "Digest":
		return true
	}
	return false
}

func (d *Dispatcher) post(ctx context.Context, h *hookyard.Hook, header http.Header, shaped outgoing,
	a *hookyard.Attempt) hookyard.Outcome {
	resp, err := d.o.Client.Do(ctx, &egress.Request{
		Method: shaped.request.Method, URL: shaped.request.URL, Header: header, Body: shaped.Body,
		Timeout: h.EffectiveTimeout(), MaxBody: d.o.Limits.ResponseBody, InsecureTLS: h.InsecureTLS,
	})
	a.Duration = time.Since(a.StartedAt)
	var o hookyard.Outcome
	if resp != nil {
		a.ResponseHeader = hookyard.MaskHeader(resp.Header)
		a.ResponseBody = resp.Body
		a.ResponseTruncated = resp.Truncated
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

// addMeta adds to a result the events that a hook was switched off or a delivery was given up. There are none about a
// failed delivery of such an event, and those about failed deliveries are made only when a hook wants them.
func (d *Dispatcher) addMeta(ctx context.Context, r *hookyard.Result, h *hookyard.Hook) {
	w, dec := r.Work, r.Decision
	failed := dec.State == hookyard.Failed && !w.Event.IsMeta()
	if r.HookOff == "" && !failed {
		return
	}
	snapshot, err := d.o.Hooks.SnapshotByKey(ctx, h.ProjectKey)
	if err != nil {
		return
	}
	others := *snapshot
	others.Hooks = except(snapshot.Hooks, h.Key)
	url, project := hookyard.URLOrigin(h.URL), snapshot.Project.Path()
	route := func(kind string, data any) *hookyard.RoutedEvent {
		b, _ := json.Marshal(data) // of strings and numbers: cannot fail
		e := hookyard.NewMeta(h.ProjectKey, kind, b, time.Now())
		return hookyard.Route(e, &others, d.o.Filter)
	}
	if r.HookOff != "" {
		r.OffEvent = route(hookyard.MetaHookDisabled, hookyard.HookDisabled{DeliveryID: w.Delivery.ID,
			Failures: dec.Health.Failures, HookID: h.ID, Project: project, Reason: r.HookOff, URL: url})
	}
	if failed {
		event := route(hookyard.MetaDeliveryFailed, hookyard.DeliveryFailed{Attempts: w.Delivery.Attempts + 1,
			DeliveryID: w.Delivery.ID, EventID: w.Event.ID, EventType: w.Event.Type, HookID: h.ID, Project: project,
			Reason: dec.Reason, URL: url})
		if len(event.Deliveries) > 0 {
			r.Meta = append(r.Meta, event)
		}
	}
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
