package svix

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/signature"
)

// endpoint is a hook as Svix shows it.
type endpoint struct {
	ID           string            `json:"id"`
	URL          string            `json:"url"`
	Description  string            `json:"description"`
	RateLimit    *int              `json:"rateLimit"`
	ThrottleRate *int              `json:"throttleRate"`
	UID          *string           `json:"uid"`
	Version      int               `json:"version"`
	Disabled     bool              `json:"disabled"`
	EventTypes   []string          `json:"eventTypes"`
	FilterTypes  []string          `json:"filterTypes"`
	Channels     []string          `json:"channels"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	Metadata     map[string]string `json:"metadata"`
}

func endpointOf(h *hookyard.Hook) endpoint {
	out := endpoint{ID: h.ID, URL: hookyard.MaskURL(h.URL), Description: h.Description, ThrottleRate: wholeRate(h.Rate),
		Version: 1, Disabled: !h.Active, Channels: h.Channels, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt,
		Metadata: h.Metadata}
	out.RateLimit = out.ThrottleRate
	if h.UID != "" {
		out.UID = &h.UID
	}
	if !h.Events.All {
		out.EventTypes = h.Events.Names
		if out.EventTypes == nil {
			out.EventTypes = []string{}
		}
		out.FilterTypes = out.EventTypes
	}
	if len(out.Channels) == 0 {
		out.Channels = nil
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

func listEndpoints(c *call) (int, any, error) {
	p, err := c.app(control.Read)
	if err != nil {
		return 0, nil, err
	}
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	pg, err := c.page(q)
	if err != nil {
		return 0, nil, err
	}
	descending, err := order(q, true)
	if err != nil {
		return 0, nil, err
	}
	hooks, err := p.Hooks(c.ctx())
	if err != nil {
		return 0, nil, err
	}
	slices.SortFunc(hooks, func(a, b *hookyard.Hook) int { return cmp.Compare(a.Key, b.Key) })
	if descending != pg.backward {
		slices.Reverse(hooks)
	}
	if pg.iterator != "" {
		at := slices.IndexFunc(hooks, func(h *hookyard.Hook) bool { return h.ID == pg.iterator })
		if at < 0 && !strings.HasPrefix(pg.iterator, "ep_") {
			return 0, nil, c.foreign()
		}
		if at < 0 { // it was deleted: ids sort by time
			at = slices.IndexFunc(hooks, func(h *hookyard.Hook) bool {
				return (h.ID > pg.iterator) != (descending != pg.backward)
			}) - 1
			if at == -2 {
				at = len(hooks) - 1
			}
		}
		hooks = hooks[at+1:]
	}
	hooks = hooks[:min(len(hooks), pg.limit+1)]
	out := make([]endpoint, len(hooks))
	for i, h := range hooks {
		out[i] = endpointOf(h)
	}
	return http.StatusOK, pageOf(pg, out, func(e endpoint) string { return e.ID }), nil
}

// endpointPatch reads what a request says about an endpoint. One that replaces all sets what it does not name to its
// default.
func (c *call) endpointPatch(o object, replaces bool) (in control.HookPatch) {
	in.KeepSecrets, in.KeepHeaders = true, !c.portal
	if replaces {
		in.Description, in.UID = control.Null[string](), control.Null[string]()
		in.Rate, in.Active = control.Null[float64](), control.Value(true)
		in.Events, in.Channels = control.Value(hookyard.SelectAll()), control.Null[[]string]()
		in.Metadata = control.Null[map[string]string]()
		c.required(o, "url")
	}
	if raw, given := c.text(o, "url").Get(); given {
		in.URL = control.Value(c.url(raw))
	}
	if v := c.text(o, "description"); v.Given() {
		in.Description = v
	}
	if v := c.uid(o, "uid", "ep_"); v.Given() {
		in.UID = v
	}
	if v := c.rate(o); v.Given() {
		in.Rate = v
	}
	if disabled, given := read[bool](c, o, "true or false", "disabled").Get(); given {
		in.Active = control.Value(!disabled)
	}
	if v := c.types(o); v.Given() {
		in.Events = v
	}
	if v := c.names(o, channelChars, hookyard.MaxChannels, "channels"); v.Given() {
		in.Channels = v
	}
	if v := c.metadata(o); v.Given() {
		in.Metadata = v
	}
	if n, given := read[uint16](c, o, "a whole number", "version").Get(); given && n == 0 {
		c.faults.add("must be at least 1", "version")
	}
	return in
}

// types reads the event types of an endpoint. Null is all.
func (c *call) types(o object) (out control.Optional[hookyard.Selector]) {
	_, current := o["eventTypes"]
	_, older := o["filterTypes"]
	if current && older {
		c.faults.add("give eventTypes or filterTypes, its older name, but not both", "eventTypes")
	}
	name := "eventTypes"
	if older && !current {
		name = "filterTypes"
	}
	if c.portal && string(o[name]) == "[]" { // as svix-react sends it for all
		return control.Value(hookyard.SelectAll())
	}
	v := c.names(o, "", 10_000, name)
	types, given := v.Get()
	switch {
	case !given:
		return out
	case v.IsNull():
		return control.Value(hookyard.SelectAll())
	}
	return control.Value(hookyard.Selector{Names: types})
}

// url reads the URL of an endpoint and makes it as a browser would.
func (c *call) url(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		c.faults.add("must be an http or https URL", "url")
		return raw
	}
	u.Host = strings.ToLower(u.Host)
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// secretOf reads a secret to sign with, and makes one if none is given.
func (c *call) secretOf(o object, name string) string {
	v := c.text(o, name)
	s, given := v.Get()
	if !given || v.IsNull() {
		return signature.NewSecret()
	}
	if !strings.HasPrefix(s, "whsec_") && !strings.HasPrefix(s, "whsk_") || signature.CheckSecret(s) != nil {
		c.faults.add("must be whsec_ with the base64 of 24 to 75 bytes, or whsk_ with an ed25519 private key", name)
	}
	return s
}

func createEndpoint(c *call) (int, any, error) {
	p, o, err := c.appAndBody(control.Write)
	if err != nil {
		return 0, nil, err
	}
	in := c.endpointPatch(o, true)
	return c.newEndpoint(p, o, in)
}

// newEndpoint creates an endpoint with its secret and headers.
func (c *call) newEndpoint(p *control.Project, o object, in control.HookPatch) (int, any, error) {
	in.Secret = control.Value(c.secretOf(o, "secret"))
	in.Signature = control.Value(hookyard.SignSvix)
	if headers, given := read[map[string]string](c, o, "an object of strings", "headers").Get(); given {
		in.Headers = control.Value(c.headerPatch(headers))
	}
	return c.saveEndpoint(p, nil, in)
}

// saveEndpoint creates an endpoint, or changes h if it is not nil.
func (c *call) saveEndpoint(p *control.Project, h *hookyard.Hook, in control.HookPatch) (int, any, error) {
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	if err := c.checkTypes(p, &in, h); err != nil {
		return 0, nil, err
	}
	var saved *hookyard.Hook
	var err error
	status := http.StatusOK
	if h == nil {
		status = http.StatusCreated
		saved, err = p.CreateHook(c.ctx(), hookyard.NewID("ep"), in)
	} else {
		saved, err = p.UpdateHook(c.ctx(), h.ID, in)
	}
	if errors.Is(err, hookyard.ErrConflict) {
		return 0, nil, uidTaken("endpoint")
	}
	if err != nil {
		return 0, nil, err
	}
	return status, endpointOf(saved), nil
}

func showEndpoint(c *call) (int, any, error) {
	_, h, err := c.endpoint(control.Read)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, endpointOf(h), nil
}

// putEndpoint replaces an endpoint but for its secret and headers, or creates one.
func putEndpoint(c *call) (int, any, error) {
	p, o, err := c.appAndBody(control.Write)
	if err != nil {
		return 0, nil, err
	}
	in := c.endpointPatch(o, true)
	h, err := c.hook(p, c.param("endpoint"))
	if isRefused(err, http.StatusNotFound) {
		if uid, _ := in.UID.Get(); uid == "" {
			in.UID = newUID(c.param("endpoint"), "ep_")
		}
		return c.newEndpoint(p, o, in)
	}
	if err != nil {
		return 0, nil, err
	}
	if _, named := o["uid"]; !named && c.param("endpoint") == h.UID {
		in.UID = control.Value(h.UID)
	}
	return c.saveEndpoint(p, h, in)
}

func patchEndpoint(c *call) (int, any, error) {
	p, h, o, err := c.endpointAndBody(false)
	if err != nil {
		return 0, nil, err
	}
	return c.saveEndpoint(p, h, c.endpointPatch(o, false))
}

func deleteEndpoint(c *call) (int, any, error) {
	p, h, err := c.endpoint(control.Write)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, p.DeleteHook(c.ctx(), h.ID, 0)
}
