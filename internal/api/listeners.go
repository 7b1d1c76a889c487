package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// listenerLife is how long a listener's hook lives without being renewed.
const listenerLife = 2 * time.Minute

// maxForward bounds the time that one try may be said to have taken.
const maxForward = 24 * time.Hour

// putListener makes or renews the hook of a listener. Its URL may be any: nothing here ever dials it, for the hook
// wants no events and is not active.
func putListener(c *call) error {
	var in client.Listener
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.read(map[string]field{"url": into(&in.URL)}); err != nil {
		return err
	}
	p := c.view.Project
	h := &hookyard.Hook{ProjectKey: p.Key, Project: p.Path(), ID: c.param("id"), URL: in.URL,
		Description: "forwarded by hookyard listen",
		ExpiresAt:   now().Add(listenerLife)}
	if !strings.HasPrefix(h.ID, hookyard.ListenerPrefix) || len(h.ID) == len(hookyard.ListenerPrefix) {
		return hookyard.FieldErrorf("id", "the id of a listener must begin with %s", hookyard.ListenerPrefix)
	}
	if err := h.Validate(nil, c.a.o.Limits); err != nil {
		return err
	}
	if err := mustBeHTTP(h.URL); err != nil {
		return err
	}
	if err := c.a.o.Store.PutListener(c.ctx(), h, c.a.o.Limits.HooksPerProject); err != nil {
		return err
	}
	return c.reply(http.StatusOK, hookJSON(p, h))
}

// removeListener ends a listener's hook; what it recorded stays.
func removeListener(c *call) error {
	err := c.a.o.Store.DeleteListener(c.ctx(), c.key(), c.param("id"))
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchListener(c.param("id"))
	}
	if err != nil {
		return err
	}
	return c.nothing()
}

// recordForwarded keeps one try of a listener as an attempt of its hook.
func recordForwarded(c *call) error {
	in, err := c.forwarded()
	if err != nil {
		return err
	}
	h, err := c.a.o.Store.Hook(c.ctx(), c.key(), c.param("id"))
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && !h.IsListener() {
		return noSuchListener(c.param("id"))
	}
	if err != nil {
		return err
	}
	e, err := c.a.o.Store.Event(c.ctx(), c.key(), in.EventID)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "no such event [%s]", hookyard.Clean(in.EventID, 100))
	}
	if err != nil {
		return err
	}
	if in.URL == "" {
		in.URL = h.URL
	}
	a := attemptOf(in, h, e, c.a.o.Limits)
	state, reason := hookyard.Delivered, ""
	if a.Error != "" || !(hookyard.Outcome{Status: a.Status}).OK() {
		state, reason = hookyard.Failed, a.Error
	}
	if state == hookyard.Failed && reason == "" {
		reason = fmt.Sprintf("answered %d", a.Status)
	}
	err = c.a.o.Store.RecordForwarded(c.ctx(), c.key(), a, state, reason)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "the event or the listener has just gone")
	}
	if err != nil {
		return err
	}
	d, err := c.a.o.Store.Delivery(c.ctx(), c.key(), hookyard.DeliveryID(e.ID, h.Key))
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, client.Delivery{Delivery: d})
}

// forwarded reads a try and refuses what cannot have happened.
func (c *call) forwarded() (in client.Forwarded, err error) {
	body, err := c.object()
	if err != nil {
		return in, err
	}
	err = body.read(map[string]field{
		"eventId": into(&in.EventID), "startedAt": into(&in.StartedAt), "duration": into(&in.Duration),
		"url":     into(&in.URL),
		"request": into(&in.Request), "status": into(&in.Status), "response": into(&in.Response),
		"error": into(&in.Error),
	})
	if err != nil {
		return in, err
	}
	switch {
	case in.EventID == "":
		return in, hookyard.FieldErrorf("eventId", "eventId must be the id of the event that was forwarded")
	case in.StartedAt.IsZero() || !storable(in.StartedAt):
		return in, hookyard.FieldErrorf("startedAt",
			"startedAt must be the time when the try began, between the years 1 and 9999")
	case in.Duration < 0 || time.Duration(in.Duration) > maxForward:
		return in, hookyard.FieldErrorf("duration", "duration must be between 0s and %s", maxForward)
	case in.Status != 0 && (in.Status < 100 || in.Status > 999):
		return in, hookyard.FieldErrorf("status", "status must be that of an HTTP answer, or 0 when none came")
	case in.Status == 0 && in.Error == "":
		return in, hookyard.FieldErrorf("status", "without a status, error must say what went wrong")
	}
	if in.URL != "" {
		if err := hookyard.CheckURL(in.URL, c.a.o.Limits); err != nil {
			return in, err
		}
		if err := mustBeHTTP(in.URL); err != nil {
			return in, err
		}
	}
	if err := checkForwardedHeader("request.header", in.Request.Header, c.a.o.Limits); err != nil {
		return in, err
	}
	if in.Response == nil {
		in.Response = &client.ForwardedResponse{}
	}
	return in, checkForwardedHeader("response.header", in.Response.Header, c.a.o.Limits)
}

// attemptOf is a try as it is kept.
func attemptOf(in client.Forwarded, h *hookyard.Hook, e *hookyard.Event, limits hookyard.Limits) *hookyard.Attempt {
	a := &hookyard.Attempt{
		EventSeq: e.Seq, HookKey: h.Key, StartedAt: in.StartedAt.UTC(), Duration: time.Duration(in.Duration),
		URL:           showURL(in.URL),
		RequestHeader: hookyard.MaskHeader(in.Request.Header), RequestSize: e.Size, Status: in.Status,
		ResponseHeader: hookyard.MaskHeader(in.Response.Header), ResponseBody: in.Response.Base64,
		ResponseTruncated: in.Response.Truncated, Error: hookyard.Clean(in.Error, 1000),
	}
	if len(a.ResponseBody) > limits.ResponseBody {
		a.ResponseBody, a.ResponseTruncated = a.ResponseBody[:limits.ResponseBody], true
	}
	return a
}

func mustBeHTTP(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return hookyard.FieldErrorf("url", "url must begin with http:// or https://")
	}
	return nil
}

// checkForwardedHeader refuses what would not survive being stored as lines, and more than a request may carry.
func checkForwardedHeader(name string, header map[string][]string, limits hookyard.Limits) error {
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
