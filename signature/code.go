package signature

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// matches says whether text is one of the source's secrets.
func (v *Verifier) matches(text string) bool {
	d, found := digest(text), 0
	for i := range v.digests {
		found |= subtle.ConstantTimeCompare(d[:], v.digests[i][:])
	}
	return found == 1
}

// token accepts a secret in "Authorization: Bearer …" (or "token …", as Yobi writes it) or in the query as token or
// access_token, the two ways that CloudEvents' web hook specification asks receivers to know.
func token(v *Verifier, r *Request) string {
	if has(r.Header, "Authorization") {
		value, reason := single(r.Header, "Authorization")
		if reason != "" {
			return reason
		}
		kind, text, _ := strings.Cut(value, " ")
		if !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "token") {
			return "header Authorization must be: Bearer and the secret"
		}
		if !v.matches(strings.TrimSpace(text)) {
			return "the token in header Authorization is not this source's"
		}
		return ""
	}
	params := query(r)
	for _, name := range tokenParams() {
		if text := params.Get(name); text != "" {
			if !v.matches(text) {
				return "the " + name + " in the address is not this source's"
			}
			return ""
		}
	}
	return "no token: send it as \"Authorization: Bearer …\" or as ?token=… in the address"
}

func tokenParams() []string { return []string{"token", "access_token"} }

// basic accepts HTTP Basic credentials; the secret is user:password.
func basic(v *Verifier, r *Request) string {
	value, reason := single(r.Header, "Authorization")
	if reason != "" {
		return reason + ": user and password are wanted (HTTP Basic)"
	}
	kind, text, _ := strings.Cut(value, " ")
	if !strings.EqualFold(kind, "Basic") {
		return "header Authorization must be HTTP Basic"
	}
	pair, err := decode64(strings.TrimSpace(text))
	if err != nil {
		return "header Authorization is not HTTP Basic: its second part must be base64"
	}
	if !v.matches(string(pair)) {
		return "user or password is wrong"
	}
	return ""
}

// twilio verifies HMAC-SHA1 over the full address and, for forms, the sorted fields; other bodies are hashed into the
// address. Twilio signs the address now with and now without its standard port, so both are tried.
func twilio(v *Verifier, r *Request) string {
	value, reason := single(r.Header, "X-Twilio-Signature")
	if reason != "" {
		return reason
	}
	signature, err := decode64(value)
	if err != nil {
		return "the signature in header X-Twilio-Signature is not base64"
	}
	address, fields := v.url(r), ""
	parsed, err := url.Parse(address)
	if err != nil {
		return "the address is not a URL"
	}
	if sum := parsed.Query().Get("bodySHA256"); sum != "" {
		got := sha256.Sum256(r.Body)
		want, err := hex.DecodeString(sum)
		if err != nil || !hmac.Equal(got[:], want) {
			return "the body does not match bodySHA256 in the address: it was changed on the way"
		}
	} else if fields, err = sortedForm(r.Body); err != nil {
		return "the body is not a form of at most 1 MiB, and the address holds no bodySHA256"
	}
	for _, secret := range v.secrets {
		for _, a := range withAndWithoutPort(parsed, address) {
			mac := hmac.New(sha1.New, []byte(secret))
			mac.Write([]byte(a))
			mac.Write([]byte(fields))
			if hmac.Equal(mac.Sum(nil), signature) {
				return ""
			}
		}
	}
	clean, _, _ := strings.Cut(address, "?")
	return "signature does not match: the auth token differs, the body was changed on the way, or Twilio calls another address than " +
		clean + " (behind a proxy, set scheme.url)"
}

// maxForm bounds the form that is taken apart before its sender is known.
const maxForm = 1 << 20

// sortedForm gives the fields of a form by name and value, each once, with nothing between them.
func sortedForm(body []byte) (string, error) {
	if len(body) > maxForm {
		return "", fmt.Errorf("form is over %d bytes", maxForm)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		values := form[name]
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return b.String(), nil
}

func withAndWithoutPort(u *url.URL, as string) []string {
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port() != "" {
		return []string{as, strings.Replace(as, u.Host, host, 1)}
	}
	port := ":443"
	if u.Scheme == "http" {
		port = ":80"
	}
	return []string{as, strings.Replace(as, u.Host, host+port, 1)}
}

// hubspotURI undoes the escapes that HubSpot undoes before it signs (its "Validating requests", version 3).
func hubspotURI(address string) string {
	if !strings.Contains(address, "%") {
		return address
	}
	var pairs []string
	for _, c := range []byte(":/?@!$'()*,;") {
		upper := "%" + strings.ToUpper(hex.EncodeToString([]byte{c}))
		pairs = append(pairs, upper, string(rune(c)))
		if lower := strings.ToLower(upper); lower != upper {
			pairs = append(pairs, lower, string(rune(c)))
		}
	}
	return strings.NewReplacer(pairs...).Replace(address)
}

func query(r *Request) url.Values {
	_, q, _ := strings.Cut(r.URL, "?")
	q, _, _ = strings.Cut(q, "#")
	values, _ := url.ParseQuery(q) // what is malformed is left out
	return values
}
