package control

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/hookyard/hookyard"
)

// Callers who may only read see no credentials: of a URL only scheme and host, because the path of a chat's URL is one;
// no values of headers but a few; no settings of a signature that are secret.

// mayWrite reports whether the caller's role includes write.
func (p *Project) mayWrite() bool { return p.Role.Allows(hookyard.RoleWrite) }

// shownURL returns a URL that a user of the project entered as the caller may see it.
func (p *Project) shownURL(raw string) string {
	if p.Role.Allows(hookyard.RolePortal) {
		return hookyard.MaskURL(raw)
	}
	return hookyard.URLOrigin(raw)
}

// shownHook returns a hook as the caller may see it. h itself is not changed.
func (p *Project) shownHook(h *hookyard.Hook) *hookyard.Hook {
	if p.mayWrite() || h == nil {
		return h
	}
	c := *h
	if !p.Role.Allows(hookyard.RolePortal) {
		c.URL = hookyard.URLOrigin(h.URL)
	}
	c.Headers = maskedHeaders(h.Headers)
	return &c
}

// canceledBy begins the reason of a delivery that a user canceled.
const canceledBy = "canceled by "

// hideNames hides from a portal session which user canceled a delivery: it sees nothing of the users of the server.
func (p *Project) hideNames(list []hookyard.Delivery) {
	if p.Role.Allows(hookyard.RoleRead) {
		return
	}
	for i := range list {
		if strings.HasPrefix(list[i].Reason, canceledBy) {
			list[i].Reason = "canceled"
		}
	}
}

func (p *Project) shownHooks(hooks []*hookyard.Hook) []*hookyard.Hook {
	out := make([]*hookyard.Hook, len(hooks))
	for i, h := range hooks {
		out[i] = p.shownHook(h)
	}
	return out
}

// shownSource is shownHook for a source.
func (p *Project) shownSource(s *hookyard.Source) *hookyard.Source {
	if p.mayWrite() {
		return s
	}
	c := *s
	if s.RabbitMQ != nil {
		queue := *s.RabbitMQ
		queue.URL = hookyard.URLOrigin(queue.URL)
		c.RabbitMQ = &queue
	}
	if s.Answer != nil {
		answer := *s.Answer
		answer.Headers = maskedHeaders(answer.Headers)
		c.Answer = &answer
	}
	c.Scheme = maskedScheme(s.Scheme)
	return &c
}

// maskedHeaders returns headers with *** for their values, but those of a few.
func maskedHeaders(headers map[string]string) map[string]string {
	out := maps.Clone(headers)
	for name := range out {
		if !hookyard.IsShown(name) {
			out[name] = hookyard.Masked
		}
	}
	return out
}

// maskedScheme hides the URL that was registered with the sender and the token that verifies it.
func maskedScheme(scheme json.RawMessage) json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(scheme, &o) != nil {
		return nil
	}
	for _, name := range []string{"url", "verifyToken"} {
		if _, ok := o[name]; ok {
			o[name] = json.RawMessage(`"` + hookyard.Masked + `"`)
		}
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	return b
}
