package control

import (
	"net/url"
	"strings"

	"github.com/hookyard/hookyard"
)

// checkMove refuses to send the secrets and headers of a hook to another host, unless they are given again: who may
// change a hook need not know them. seesSecrets says that the caller can see the secrets.
func (in *HookPatch) checkMove(h, before *hookyard.Hook, seesSecrets bool) error {
	if sameReceiver(before.URL, h.URL) {
		return nil
	}
	secret, given := in.Secret.Get()
	if len(before.Secrets) > 0 && !seesSecrets && !in.KeepSecrets && (!given || secret == hookyard.Masked) {
		return hookyard.FieldErrorf("secret",
			"the url is of another host: give the secret again, or an empty one to send without")
	}
	if in.KeepHeaders {
		return nil
	}
	headers, _ := in.Headers.Get()
	for name := range h.Headers {
		if _, kept := before.Headers[name]; !kept || hookyard.IsShown(name) {
			continue
		}
		if !givesValue(headers, name) {
			return hookyard.FieldErrorf("headers",
				"the url is of another host: give the value of header %s again, or null to delete it", name)
		}
	}
	return nil
}

// givesValue reports whether a patch of headers has a value for a header.
func givesValue(headers HeaderPatch, name string) bool {
	for given, value := range headers {
		if strings.EqualFold(given, name) && value != nil && *value != hookyard.Masked {
			return true
		}
	}
	return false
}

// sameReceiver reports whether two URLs have the same scheme, host and port.
func sameReceiver(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && strings.EqualFold(x.Scheme, y.Scheme) && strings.EqualFold(x.Host, y.Host)
}
