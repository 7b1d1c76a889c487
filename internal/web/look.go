package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// The colours behind text, on which links must be readable: the darkest of the light theme, the lightest of the dark.
const (
	lightBackground = "#eceff3"
	darkBackground  = "#232933"
)

// readable is the least contrast of text, WCAG's AA.
const readable = 4.5

// lookFonts are the families of the fonts of a look.
var lookFonts = map[string]string{
	"humanist":  `Seravek, "Gill Sans Nova", Ubuntu, Calibri, "DejaVu Sans", sans-serif`,
	"geometric": `Avenir, Montserrat, Corbel, "URW Gothic", sans-serif`,
	"rounded":   `ui-rounded, "Hiragino Maru Gothic ProN", Quicksand, Comfortaa, Manjari, Calibri, sans-serif`,
	"serif":     `Charter, "Bitstream Charter", Cambria, Georgia, "DejaVu Serif", serif`,
	"mono":      `ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace`,
}

// lookStyle returns the style sheet of a look. It changes colours where text would not be readable.
func lookStyle(l hookyard.Look) string {
	var b strings.Builder
	if l.Accent != "" || l.AccentDark != "" {
		light, dark := cmp.Or(l.Accent, l.AccentDark), cmp.Or(l.AccentDark, l.Accent)
		pair := func(name, light, dark string) {
			fmt.Fprintf(&b, "  --%s: light-dark(%s, %s);\n", name, light, dark)
		}
		b.WriteString(":root {\n")
		pair("main", light, dark)
		pair("onmain", textOn(light), textOn(dark))
		pair("blue", against(light, lightBackground), against(dark, darkBackground))
		b.WriteString("}\n")
	}
	if family := lookFonts[l.Font]; family != "" {
		fmt.Fprintf(&b, "body { font-family: %s; }\n", family)
	}
	return b.String()
}

// rgb returns the parts of a colour #rrggbb, from 0 to 255.
func rgb(color string) (out [3]float64) {
	for i := range out {
		n, _ := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8) // it was checked
		out[i] = float64(n)
	}
	return out
}

// luminance is the relative luminance of a colour, as WCAG defines it.
func luminance(color string) float64 {
	var parts [3]float64
	for i, p := range rgb(color) {
		if p /= 255; p <= .04045 {
			parts[i] = p / 12.92
		} else {
			parts[i] = math.Pow((p+.055)/1.055, 2.4)
		}
	}
	return .2126*parts[0] + .7152*parts[1] + .0722*parts[2]
}

func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + .05) / (min(la, lb) + .05)
}

// textOn returns the colour of text on a button: white, or black where white cannot be read. One of both always can.
func textOn(color string) string {
	if contrast(color, "#ffffff") >= readable {
		return "#ffffff"
	}
	return "#000000"
}

// against returns a colour, moved toward black on a light background, or white on a dark one, until it can be read.
func against(color, background string) string {
	end := 0.0
	if luminance(background) < .2 {
		end = 255
	}
	from := rgb(color)
	for step := range 21 {
		mix := "#"
		for _, p := range from {
			mix += fmt.Sprintf("%02x", int(math.Round(p+(end-p)*float64(step)/20)))
		}
		if color = mix; contrast(color, background) >= readable {
			break
		}
	}
	return color
}

// serveLook answers with the style sheet of the owner's look. Its URL changes with it.
func serveLook(v *visit) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = v.w.Write([]byte(lookStyle(v.portal.Look)))
	return nil
}

// Style returns the URL of the style sheet, or "" if the look has none.
func (p *portalView) Style() string {
	style := lookStyle(p.Look)
	if style == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(style))
	return join("portal", p.owner, p.project, "look.css") + "?v=" + hex.EncodeToString(sum[:6])
}

// Logo returns the URL of the logo, which was checked when it was set: a template would refuse a picture in a URL.
func (p *portalView) Logo() template.URL { return template.URL(p.Look.Logo) }

// allowFrames sets the policy of a portal: what its logo needs, and who may embed it.
func (v *visit) allowFrames() {
	h := v.w.Header()
	frames, images := "'none'", "'self' data:"
	if origin := v.portal.Look.LogoOrigin(); origin != "" {
		images += " " + origin
	}
	if len(v.portal.Look.Frames) > 0 {
		frames = strings.Join(v.portal.Look.Frames, " ")
		h.Del("X-Frame-Options") // knows no list
	}
	h.Set("Content-Security-Policy", "default-src 'self'; img-src "+images+
		"; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors "+frames)
}

// setFramedCookie sets a cookie that browsers also send in a frame on another site, if the portal may stand there. They
// do so over TLS only, and keep a jar of its own for each such site.
func (v *visit) setFramedCookie(c *http.Cookie) {
	if v.portal != nil && len(v.portal.Look.Frames) > 0 && v.web.secure() {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	http.SetCookie(v.w, c)
}
