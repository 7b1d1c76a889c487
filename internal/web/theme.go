package web

import "net/http"

// themeCookie holds the theme that the user chose.
const themeCookie = "hookyard_theme"

func (v *visit) theme() string {
	if c, err := v.r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// setTheme stores the theme in the browser for a year.
func setTheme(v *visit) error {
	c := v.web.cookie(themeCookie, v.get("theme"), 365*24*3600)
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(v.w, c)
	return v.redirect(safeNext(v.get("next")), "")
}
