package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

func listHooks(c *call) error {
	hooks, err := c.a.o.Store.Hooks(c.ctx(), c.key())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, hooksJSON(c.view.Project, hooks))
}

func showHook(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	return c.replyHook(h)
}

// createHook makes a hook. As at WebGME one that exists is not replaced: 403, whatever the body.
func createHook(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	p, id := c.view.Project, c.param("id")
	if c.view.Hook(id) != nil {
		return hookExists(id)
	}
	h := &hookyard.Hook{ProjectKey: p.Key, Project: p.Path(), ID: id, Active: true, Description: noDescription}
	in := hookInput{h: h}
	if err := in.read(body); err != nil {
		return err
	}
	if preset, ok := hookyard.Presets()[p.Preset]; ok && h.Off.Policy == "" {
		h.Off = preset.Off
	}
	if err := c.checkHook(h); err != nil {
		return err
	}
	err = c.a.o.Store.CreateHook(c.ctx(), h, c.a.o.Limits.HooksPerProject)
	if errors.Is(err, hookyard.ErrConflict) {
		return hookExists(id)
	}
	if err != nil {
		return err
	}
	return c.replyHook(h)
}

func updateHook(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var wanted int64
	if err := body.only("revision", into(&wanted)); err != nil {
		return err
	}
	revision, stale, err := c.revision(wanted)
	if err != nil {
		return err
	}
	h, err := c.changeHook(revision, stale, "hook.update", func(h *hookyard.Hook) error {
		before := *h
		in := hookInput{h: h, before: &before}
		if err := in.read(body); err != nil {
			return err
		}
		return settleHook(h, &before, body.has("active"))
	})
	if err != nil {
		return err
	}
	return c.replyHook(h)
}

// removeHook deletes a hook and answers the map of those that are left.
func removeHook(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	if err := c.expect("hook "+h.ID, h.Revision); err != nil {
		return err
	}
	err = c.a.o.Store.DeleteHook(c.ctx(), c.key(), h.ID)
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchHook(h.ID)
	}
	if err != nil {
		return err
	}
	c.a.o.Dispatcher.Renew(h.Key) // what it is still owed is canceled
	return listHooks(c)
}

// testHook sends an event of type test to one hook, whatever events it wants.
func testHook(c *call) error {
	h, err := c.hook()
	if err != nil {
		return err
	}
	data, err := encode(map[string]string{"message": "This is a test from hookyard", "project": c.view.Project.Path(),
		"hook": h.ID, "by": c.id.User.Name})
	if err != nil {
		return err
	}
	e := hookyard.NewMeta(c.key(), "test", data, now())
	d := hookyard.Owe(e, h)
	a := &hookyard.Acceptance{Event: e, Deliveries: []hookyard.Delivery{d}, Taken: []bool{false},
		Ordered: []bool{h.Ordered}}
	if _, err := c.a.o.Store.Accept(c.ctx(), a); err != nil {
		return err
	}
	c.a.o.Dispatcher.Wake(h.Key)
	return c.reply(http.StatusAccepted, client.HookTest{ID: e.ID, DeliveryID: hookyard.DeliveryID(e.ID, h.Key),
		State: d.State, Reason: d.Reason})
}

func rotateHookSecret(c *call) error {
	in, err := c.rotation()
	if err != nil {
		return err
	}
	if err := signature.CheckSecret(in.Secret); err != nil {
		return hookyard.FieldErrorf("secret", "%v", err)
	}
	_, err = c.changeHook(0, 0, "hook.rotate-secret", func(h *hookyard.Hook) error {
		h.Secrets = hookyard.Rotate(h.Secrets, in.Secret, time.Duration(*in.Overlap), now())
		return nil
	})
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.NewSecret{Secret: in.Secret})
}

func enableHook(c *call) error {
	h, err := c.changeHook(0, 0, "hook.enable", func(h *hookyard.Hook) error {
		before := *h
		h.Active, h.Health = true, hookyard.Health{}
		return settleHook(h, &before, true)
	})
	if err != nil {
		return err
	}
	return c.replyHook(h)
}

// hook returns the hook of the path as the database has it, with its health.
func (c *call) hook() (*hookyard.Hook, error) {
	h, err := c.a.o.Store.Hook(c.ctx(), c.key(), c.param("id"))
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchHook(c.param("id"))
	}
	return h, err
}

// changeHook changes the hook of the path in one transaction and tells the dispatcher. stale is the status of a change
// that is meant for another revision.
func (c *call) changeHook(revision int64, stale int, action string,
	change func(h *hookyard.Hook) error) (*hookyard.Hook, error) {
	id := c.param("id")
	h, err := c.a.o.Store.UpdateHook(c.ctx(), c.key(), id, revision, action, func(h *hookyard.Hook) error {
		if err := change(h); err != nil {
			return err
		}
		return c.checkHook(h)
	})
	var e *hookyard.Error
	switch {
	case errors.Is(err, hookyard.ErrNotFound):
		return nil, noSuchHook(id)
	case errors.As(err, &e) && e.Code == hookyard.Conflict && revision != 0:
		return nil, withStatus(stale, e)
	case err != nil:
		return nil, err
	}
	c.a.o.Dispatcher.Renew(h.Key)
	return h, nil
}

func hookExists(id string) error {
	return withStatus(http.StatusForbidden, hookyard.Errorf(hookyard.Conflict, "hook already exists [%s]",
		hookyard.Clean(id, 200)))
}

func (c *call) replyHook(h *hookyard.Hook) error {
	c.w.Header().Set("ETag", etag(h.Revision))
	return c.reply(http.StatusOK, hookJSON(c.view.Project, h))
}

func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

func hooksJSON(p *hookyard.Project, hooks []*hookyard.Hook) map[string]client.Hook {
	out := make(map[string]client.Hook, len(hooks))
	for _, h := range hooks {
		out[h.ID] = hookJSON(p, h)
	}
	return out
}

func hookJSON(p *hookyard.Project, h *hookyard.Hook) client.Hook {
	out := client.Hook{
		ID: h.ID, URL: showURL(h.URL), Events: h.Events, Description: h.Description, Active: h.Active,
		CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt,
		Format: p.EffectiveFormat(h), ContentType: h.ContentType, Template: h.Template, Features: h.Features,
		Timeout: hookyard.Duration(h.EffectiveTimeout()), InFlight: h.InFlight, Rate: h.Rate, Ordered: h.Ordered,
		Filter: h.Filter,
		Off:    h.Off, InsecureTLS: h.InsecureTLS, RabbitMQ: h.RabbitMQ, ExpiresAt: h.ExpiresAt, Health: h.Health,
		OffReason: h.OffReason, Revision: h.Revision,
	}
	for _, wait := range h.EffectiveSchedule() {
		out.Schedule = append(out.Schedule, hookyard.Duration(wait))
	}
	if out.ContentType == "" {
		out.ContentType = "json"
	}
	if out.InFlight == 0 {
		out.InFlight = hookyard.DefaultInFlight
	}
	if out.Off.Policy == "" {
		out.Off.Policy = hookyard.OffSustained
	}
	if len(hookyard.Live(h.Secrets, now())) > 0 {
		out.Secret = hookyard.Masked
	}
	if len(h.Headers) > 0 {
		out.Headers = make(map[string]string, len(h.Headers))
		for name, value := range h.Headers {
			if hookyard.IsSensitive(name) {
				value = hookyard.Masked
			}
			out.Headers[name] = value
		}
	}
	return out
}
