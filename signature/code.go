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

// matches reports whether text is one of the secrets.
func (v *Verifier) matches(text string) bool {
	d := digest(text)
	found := 0
	for i := range v.digests {
		found |= subtle.ConstantTimeCompare(d[:], v.digests[i][:])
	}
	return found == 1
}

// token accepts a secret in "Authorization: Bearer …" (or "token …", as Yobi writes it) or in the query parameters
// token and access_token. CloudEvents' webhook specification requires receivers to support both ways.
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

// twilio verifies HMAC-SHA1 over the whole URL and, for forms, their sorted fields; the URL holds a hash of any other
// body. Twilio includes the standard port in the URL inconsistently, so both forms are tried.
func twilio(v *Verifier, r *Request) string {
	value, reason := single(r.Header, "X-Twilio-Signature")
	if reason != "" {
		return reason
	}
	signature, err := decode64(value)
	if err != nil {
		return "the signature in header X-Twilio-Signature is not base64"
	}
	address := v.url(r)
	fields := ""
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
		for _, candidate := range withAndWithoutPort(parsed, address) {
			mac := hmac.New(sha1.New, []byte(secret))
			mac.Write([]byte(candidate))
			mac.Write([]byte(fields))
			if hmac.Equal(mac.Sum(nil), signature) {
				return ""
			}
		}
	}
	noQuery, _, _ := strings.Cut(address, "?")
	return "signature does not match: the auth token differs, the body was changed on the way, or Twilio calls " +
		"another address than " + noQuery + " (behind a proxy, set scheme.url)"
}

// maxForm bounds the form that is parsed before its sender is verified.
const maxForm = 1 << 20

// sortedForm concatenates the fields of a form, names and values, sorted and without duplicates.
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

// withAndWithoutPort returns address, which parses to u, and the same with its port removed or the standard one added.
func withAndWithoutPort(u *url.URL, address string) []string {
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port() != "" {
		return []string{address, strings.Replace(address, u.Host, host, 1)}
	}
	port := ":443"
	if u.Scheme == "http" {
		port = ":80"
	}
	return []string{address, strings.Replace(address, u.Host, host+port, 1)}
}

// hubspotURI decodes the escapes that HubSpot decodes before it signs: see its "Validating requests", version 3.
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

// query returns the parameters of r's URL, without those that are malformed.
func query(r *Request) url.Values {
	_, q, _ := strings.Cut(r.URL, "?")
	q, _, _ = strings.Cut(q, "#")
	values, _ := url.ParseQuery(q)
	return values
}
