package svix

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/signature"
)

// maxOlder is how many older secrets of an endpoint may sign along.
const maxOlder = hookyard.MaxSecrets - 1

func showSecret(c *call) (int, any, error) {
	p, h, err := c.endpoint(control.Write)
	if err != nil {
		return 0, nil, err
	}
	secret, err := p.ShowHookSecret(c.ctx(), h.ID)
	if err != nil {
		return 0, nil, err
	}
	if strings.HasPrefix(secret, "whsk_") { // a receiver needs to know its public half only
		if secret, err = signature.PublicKey(secret); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, struct {
		Key string `json:"key"`
	}{secret}, nil
}

func rotateSecret(c *call) (int, any, error) {
	p, h, o, err := c.endpointAndBody(true)
	if err != nil {
		return 0, nil, err
	}
	in := control.Rotation{Secret: c.secretOf(o, "key")}
	grace := read[uint32](c, o, "a whole number", "gracePeriodSeconds")
	if seconds, given := grace.Get(); given && !grace.IsNull() {
		if seconds > 7*24*60*60 {
			c.faults.add("must be between 0 and 604800", "gracePeriodSeconds")
		}
		in.Overlap = control.Value(hookyard.Duration(time.Duration(seconds) * time.Second))
	}
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	overlap, given := in.Overlap.Get()
	live := hookyard.Live(h.Secrets, time.Now())
	if (!given || overlap > 0) && len(live) > maxOlder && live[0] != in.Secret {
		return 0, nil, refuse(http.StatusBadRequest, "limit_reached", "10 older secrets sign along already")
	}
	_, err = p.RotateHookSecret(c.ctx(), h.ID, in)
	return http.StatusNoContent, nil, err
}

// hidden are the headers whose values are not shown.
func hidden(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "x-auth-token", "x-api-key", "www-authenticate", "proxy-authenticate", "proxy-authorization":
		return true
	}
	return false
}

func showHeaders(c *call) (int, any, error) {
	_, h, err := c.endpoint(control.Write)
	if err != nil {
		return 0, nil, err
	}
	headers, sensitive := map[string]string{}, []string{}
	for name, value := range h.Headers {
		if hidden(name) {
			sensitive = append(sensitive, name)
		} else {
			headers[name] = value
		}
	}
	return http.StatusOK, struct {
		Headers   map[string]string `json:"headers"`
		Sensitive []string          `json:"sensitive"`
	}{headers, sensitive}, nil
}

// headerPatch checks headers to set and returns them as a patch.
func (c *call) headerPatch(headers map[string]string) control.HeaderPatch {
	out := control.HeaderPatch{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		c.checkHeader(name)
		out[name] = &value
	}
	return out
}

// checkHeader refuses headers that Svix refuses. What hookyard refuses besides is checked with the hook.
func (c *call) checkHeader(name string) {
	lower := strings.ToLower(name)
	bad := !hookyard.IsToken(name)
	switch lower {
	case "user-agent", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers",
		"transfer-encoding", "upgrade", "age", "cache-control", "clear-site-data", "expires", "pragma", "warning",
		"content-length", "content-type", "content-encoding", "content-language", "content-location":
		bad = true
	}
	for _, prefix := range []string{"x-amz-", "x-amzn-", "x-google", "x-goog-", "x-gfe", "x-azure-", "x-fd-", "x-svix-",
		"svix-"} {
		bad = bad || strings.HasPrefix(lower, prefix)
	}
	if bad {
		c.faults.add("header "+hookyard.Clean(name, 200)+" cannot be set", "headers", "__all__")
	}
}

// putHeaders replaces all headers.
func putHeaders(c *call) (int, any, error) {
	p, h, o, err := c.endpointAndBody(false)
	if err != nil {
		return 0, nil, err
	}
	v := read[map[string]string](c, o, "an object of strings", "headers")
	headers, given := v.Get()
	if !given || v.IsNull() {
		c.faults.addJSON("missing field `headers`", "", "")
	}
	patch := c.headerPatch(headers)
	for name := range h.Headers {
		if _, kept := find(headers, name); !kept {
			patch[name] = nil
		}
	}
	return c.setHeaders(p, h, patch)
}

// find returns the value of a header, whatever the case of its name.
func find(headers map[string]string, name string) (string, bool) {
	for n, v := range headers {
		if strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// patchHeaders merges headers with those there are. Null takes one away.
func patchHeaders(c *call) (int, any, error) {
	p, h, o, err := c.endpointAndBody(false)
	if err != nil {
		return 0, nil, err
	}
	patch := control.HeaderPatch{}
	headers, _ := read[map[string]*string](c, o, "an object of strings and nulls", "headers").Get()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		c.checkHeader(name)
		patch[name] = headers[name]
	}
	deleted, _ := read[[]string](c, o, "a list of strings", "deleteHeaders").Get()
	for _, name := range deleted {
		patch[name] = nil
	}
	return c.setHeaders(p, h, patch)
}

func (c *call) setHeaders(p *control.Project, h *hookyard.Hook, patch control.HeaderPatch) (int, any, error) {
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	_, err := p.UpdateHook(c.ctx(), h.ID, control.HookPatch{Headers: control.Value(patch)})
	return http.StatusNoContent, nil, err
}
