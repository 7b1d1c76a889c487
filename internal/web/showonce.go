package web

import (
	"encoding/base64"
	"net/http"
)

// onceCookie carries a secret that was just created from the response to a form to the page that shows it. Reloading
// that page does not create another secret, and no URL holds it.
const (
	onceCookie = "hookyard_once"
	onceLife   = 60 // seconds
)

// showOnce redirects to a page that shows a secret once.
func (v *visit) showOnce(to, secret, note string) error {
	v.setOnceCookie(to, base64.RawURLEncoding.EncodeToString([]byte(secret)), onceLife)
	return v.redirect(to, note)
}

// onceSecret returns the secret that the page is to show, or "", and deletes its cookie.
func (v *visit) onceSecret() string {
	c, err := v.r.Cookie(onceCookie)
	if err != nil || v.r.Method != http.MethodGet {
		return ""
	}
	v.setOnceCookie(v.r.URL.EscapedPath(), "", -1)
	secret, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return ""
	}
	return string(secret)
}

func (v *visit) setOnceCookie(path, value string, age int) {
	c := v.web.cookie(onceCookie, value, age)
	c.Path = path
	v.setFramedCookie(c)
}
