package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func listHooks(c *call) error {
	hooks, err := c.project.Hooks(c.ctx())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, hooksJSON(c.project.Snapshot.Project, hooks))
}

func showHook(c *call) error {
	h, err := c.project.Hook(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.replyHook(h)
}

func createHook(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	if id := c.param("id"); c.project.Snapshot.Hook(id) != nil {
		return hookExists(id)
	}
	in, err := readHook(c.project.Snapshot.Project, body, true)
	if err != nil {
		return err
	}
	h, err := c.project.CreateHook(c.ctx(), c.param("id"), in)
	if errors.Is(err, hookyard.ErrConflict) {
		return hookExists(c.param("id"))
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
	var given struct {
		Revision int64 `json:"revision"`
	}
	if body.Has("revision") {
		if err := (control.Object{"revision": body["revision"]}).Decode(&given); err != nil {
			return err
		}
	}
	revision, err := c.revision(given.Revision)
	if err != nil {
		return err
	}
	in, err := readHook(c.project.Snapshot.Project, body, false)
	if err != nil {
		return err
	}
	in.Revision = revision
	h, err := c.project.UpdateHook(c.ctx(), c.param("id"), in)
	if err != nil {
		return c.stale(err, revision)
	}
	return c.replyHook(h)
}

// removeHook deletes a hook and answers the map of those that are left.
func removeHook(c *call) error {
	revision, err := c.revision(0)
	if err != nil {
		return err
	}
	if err := c.project.DeleteHook(c.ctx(), c.param("id"), revision); err != nil {
		return c.stale(err, revision)
	}
	return listHooks(c)
}

func testHook(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var in client.HookTestRequest
	if err := body.Decode(&in); err != nil {
		return err
	}
	var d hookyard.Delivery
	if in.Type == "" {
		d, err = c.project.TestHook(c.ctx(), c.param("id"))
	} else {
		d, err = c.project.SendExample(c.ctx(), c.param("id"), in.Type)
	}
	if err != nil {
		return err
	}
	return c.reply(http.StatusAccepted, client.HookTest{ID: d.EventID, DeliveryID: d.ID, State: d.State,
		Reason: d.Reason})
}

func rotateHookSecret(c *call) error {
	in, err := c.rotation()
	if err != nil {
		return err
	}
	secret, err := c.project.RotateHookSecret(c.ctx(), c.param("id"), in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.NewSecret{Secret: secret})
}

func enableHook(c *call) error {
	h, err := c.project.EnableHook(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.replyHook(h)
}

// listDefaultHooks shows what a new project gets, as this one would have it.
func listDefaultHooks(c *call) error {
	hooks, err := c.project.DefaultHooks()
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, hooksJSON(c.project.Snapshot.Project, hooks))
}

// addDefaultHooks creates those that the project lacks, and answers all its hooks. A project that was created before a
// default came, or that has lost one, gets it so.
func addDefaultHooks(c *call) error {
	if err := c.project.AddDefaultHooks(c.ctx()); err != nil {
		return err
	}
	return listHooks(c)
}

// rotation reads what a new secret is to be.
func (c *call) rotation() (in control.Rotation, err error) {
	body, err := c.object()
	if err != nil {
		return in, err
	}
	return in, body.Decode(&in)
}

func (c *call) replyHook(h *hookyard.Hook) error {
	c.w.Header().Set("ETag", etag(h.Revision))
	return c.reply(http.StatusOK, hookJSON(c.project.Snapshot.Project, h))
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
		ID: h.ID, UID: h.UID, URL: hookyard.MaskURL(h.URL), Events: h.Events, Channels: h.Channels,
		Description: h.Description, Metadata: h.Metadata, Active: h.Active,
		CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt,
		Format: p.EffectiveFormat(h), ContentType: h.ContentType, Template: h.Template,
		DataAsBody: h.DataAsBody, Features: h.Features,
		Forward: h.Forward.Effective(p.EffectiveFormat(h)), Method: h.Method,
		Signature: h.EffectiveSignature(p.EffectiveFormat(h)),
		Timeout:   hookyard.Duration(h.EffectiveTimeout()), InFlight: h.InFlight, Rate: h.Rate, Ordered: h.Ordered,
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
			if !hookyard.IsShown(name) {
				value = hookyard.Masked
			}
			out.Headers[name] = value
		}
	}
	return out
}
