package web

import (
	"encoding/base64"
	"net/http"
)

// onceCookie holds a secret that was just made from the form's answer to the page that shows it: so reloading that page
// makes no second one, and the secret stands in no address.
const (
	onceCookie = "hookyard_once"
	onceLife   = 60 // seconds
)

// showOnce sends the browser to a page that shows a secret once.
func (v *visit) showOnce(to, secret, note string) error {
	v.setOnceCookie(to, base64.RawURLEncoding.EncodeToString([]byte(secret)), onceLife)
	return v.redirect(to, note)
}

// onceSecret is the secret that the page is to show, or "". It is forgotten by being asked for.
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
	c := v.web.cookie(value, age)
	c.Name, c.Path = onceCookie, path
	http.SetCookie(v.w, c)
}
