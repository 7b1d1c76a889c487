package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

const (
	listenerLife    = 2 * time.Minute // how long a listener's hook lives without being renewed
	maxForwardedFor = 24 * time.Hour  // the longest that one attempt may be said to have taken
)

// PutListener creates or renews the hook of a listener. Its URL may be any: nothing here ever dials it, because the
// hook wants no events and is not active.
func (p *Project) PutListener(ctx context.Context, id, rawURL string) (*hookyard.Hook, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, err
	}
	h := &hookyard.Hook{ProjectKey: p.Key(), Project: p.Snapshot.Project.Path(), ID: id, URL: rawURL,
		Description: "forwarded by hookyard listen", ExpiresAt: now().Add(listenerLife)}
	if !strings.HasPrefix(h.ID, hookyard.ListenerPrefix) || len(h.ID) == len(hookyard.ListenerPrefix) {
		return nil, hookyard.FieldErrorf("id", "the id of a listener must begin with %s", hookyard.ListenerPrefix)
	}
	if err := h.Validate(nil, p.c.limits); err != nil {
		return nil, err
	}
	if err := mustBeHTTP(h.URL); err != nil {
		return nil, err
	}
	return h, p.c.store.PutListener(ctx, h)
}

// DeleteListener deletes a listener's hook; what it recorded stays.
func (p *Project) DeleteListener(ctx context.Context, id string) error {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return err
	}
	err = p.c.store.DeleteListener(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchListener(id)
	}
	return err
}

// Forwarded is what became of an event that a listener forwarded by itself.
type Forwarded struct {
	EventID        string
	StartedAt      time.Time
	Duration       time.Duration
	URL            string // "": the listener's
	RequestHeader  http.Header
	Status         int // 0: no answer came
	ResponseHeader http.Header
	ResponseBody   []byte
	Truncated      bool   // there was more of the body
	Error          string // what went wrong, in words
}

// RecordForwarded stores one attempt of a listener as an attempt of its hook, and returns the delivery. It fails with
// Invalid for what cannot have happened, and with NotFound when there is no such listener or event.
func (p *Project) RecordForwarded(ctx context.Context, id string, in Forwarded) (hookyard.Delivery, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	if err := in.check(p.c.limits); err != nil {
		return hookyard.Delivery{}, err
	}
	h, err := p.c.store.Hook(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && !h.IsListener() {
		return hookyard.Delivery{}, noSuchListener(id)
	}
	if err != nil {
		return hookyard.Delivery{}, err
	}
	e, err := p.event(ctx, in.EventID)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	a := in.attempt(h, e, p.c.limits)
	state, reason := outcomeOf(a)
	err = p.c.store.RecordForwarded(ctx, p.Key(), a, state, reason)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Delivery{}, hookyard.Errorf(hookyard.NotFound, "the event or the listener has just gone")
	}
	if err != nil {
		return hookyard.Delivery{}, err
	}
	return p.Delivery(ctx, hookyard.DeliveryID(e.ID, h.Key))
}

// check refuses an attempt that cannot have happened.
func (in *Forwarded) check(limits hookyard.Limits) error {
	switch {
	case in.EventID == "":
		return hookyard.FieldErrorf("eventId", "eventId must be the id of the event that was forwarded")
	case in.StartedAt.IsZero() || !Storable(in.StartedAt):
		return hookyard.FieldErrorf("startedAt",
			"startedAt must be the time when the try began, between the years 1 and 9999")
	case in.Duration < 0 || in.Duration > maxForwardedFor:
		return hookyard.FieldErrorf("duration", "duration must be between 0s and %s",
			hookyard.FormatDuration(maxForwardedFor))
	case in.Status != 0 && (in.Status < 100 || in.Status > 999):
		return hookyard.FieldErrorf("status", "status must be that of an HTTP answer, or 0 when none came")
	case in.Status == 0 && in.Error == "":
		return hookyard.FieldErrorf("status", "without a status, error must say what went wrong")
	}
	if in.URL != "" {
		if err := hookyard.CheckURL(in.URL, limits); err != nil {
			return err
		}
		if err := mustBeHTTP(in.URL); err != nil {
			return err
		}
	}
	if err := checkForwardedHeader("request.header", in.RequestHeader, limits); err != nil {
		return err
	}
	return checkForwardedHeader("response.header", in.ResponseHeader, limits)
}

// attempt returns the attempt as it is stored.
func (in *Forwarded) attempt(h *hookyard.Hook, e *hookyard.Event, limits hookyard.Limits) *hookyard.Attempt {
	if in.URL == "" {
		in.URL = h.URL
	}
	a := &hookyard.Attempt{
		EventSeq: e.Seq, HookKey: h.Key, StartedAt: in.StartedAt.UTC(), Duration: in.Duration,
		URL:           hookyard.MaskURL(in.URL),
		RequestHeader: hookyard.MaskHeader(in.RequestHeader), RequestSize: e.Size, Status: in.Status,
		ResponseHeader: hookyard.MaskHeader(in.ResponseHeader), ResponseBody: in.ResponseBody,
		ResponseTruncated: in.Truncated, Error: hookyard.Clean(in.Error, 1000),
	}
	if len(a.ResponseBody) > limits.ResponseBody {
		a.ResponseBody, a.ResponseTruncated = a.ResponseBody[:limits.ResponseBody], true
	}
	return a
}

// outcomeOf returns the state of a delivery after a listener's attempt, and the reason for a failure.
func outcomeOf(a *hookyard.Attempt) (state hookyard.State, reason string) {
	switch {
	case a.Error != "":
		return hookyard.Failed, a.Error
	case !(hookyard.Outcome{Status: a.Status}).OK():
		return hookyard.Failed, fmt.Sprintf("answered %d", a.Status)
	}
	return hookyard.Delivered, ""
}

func mustBeHTTP(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return hookyard.FieldErrorf("url", "url must begin with http:// or https://")
	}
	return nil
}

// checkForwardedHeader refuses what cannot be stored as lines, and more than a request may carry.
func checkForwardedHeader(name string, header http.Header, limits hookyard.Limits) error {
	size := 0
	for n, values := range header {
		if n == "" || strings.ContainsAny(n, ": \t\r\n\x00") {
			return hookyard.FieldErrorf(name, "%s holds a name that no header can have", name)
		}
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") {
				return hookyard.FieldErrorf(name, "%s holds line breaks or NUL in the value of %s", name,
					hookyard.Clean(n, 100))
			}
			size += len(n) + len(v) + len(": \r\n")
		}
	}
	if size > limits.RequestHeader {
		return hookyard.FieldErrorf(name, "%s is %d bytes long, at most %d are allowed (setting: --max-request-header)",
			name, size, limits.RequestHeader)
	}
	return nil
}

func noSuchListener(id string) error {
	return hookyard.Errorf(hookyard.NotFound, "no such listener [%s]", hookyard.Clean(id, 200))
}
