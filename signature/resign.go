package signature

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// ErrCannotSign is the error of [Verifier.Sign] for providers whose proof is the secret itself, a signature with a key
// that only the provider has, or of no kind that a [Scheme] describes.
var ErrCannotSign = errors.New("requests of this provider cannot be signed here: the proof is the secret itself, or " +
	"made with a key that only the provider has")

// Sign returns the headers that sign r as its provider would at r.Now: the signature, and the timestamp if it is in a
// header. Set them in a copy of r.Header to send an old request to a receiver that checks its age or, because r.URL
// differs, its address. A timestamp in the body stays. The headers that r was signed with, and its id, must be in
// r.Header. Sign uses the first secret that fits, and fails with [ErrCannotSign] if none can sign.
func (v *Verifier) Sign(r *Request) (http.Header, error) {
	out := http.Header{}
	for _, rule := range v.rules {
		if !has(r.Header, rule.Header) || rule.Algorithm == plain || rule.Algorithm == ed {
			continue
		}
		if err := rule.sign(r, v.url(r), out); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, ErrCannotSign
	}
	return out, nil
}

// sign adds the headers of one scheme to out.
func (u *rule) sign(r *Request, address string, out http.Header) error {
	p := proof{ts: formatTime(r.Now, u.TimestampUnit)}
	if u.IDHeader != "" {
		var reason string
		if p.id, reason = single(r.Header, u.IDHeader); reason != "" {
			return errors.New(reason)
		}
	}
	mac := hmac.New(u.hash, u.keys[0])
	u.write(mac, r, address, p)
	sum := mac.Sum(nil)
	text := hex.EncodeToString(sum)
	if u.Encoding == "base64" {
		text = base64.StdEncoding.EncodeToString(sum)
	}
	switch {
	case u.Grammar == "prefix":
		text = u.Prefix + text
	case u.Grammar == "list" && u.Key != "":
		text = u.Key + "," + text
	case u.Grammar == "pairs":
		text = u.Key + "=" + text
		if u.TimestampKey != "" {
			text = u.TimestampKey + "=" + p.ts + u.Separator + text
		}
	}
	out.Set(u.Header, text)
	if u.TimestampHeader != "" {
		out.Set(u.TimestampHeader, p.ts)
	}
	return nil
}

// formatTime is the inverse of parseTime.
func formatTime(t time.Time, unit string) string {
	switch unit {
	case "iso":
		return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case "ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return strconv.FormatInt(t.Unix(), 10)
}
