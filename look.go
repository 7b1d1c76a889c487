package hookyard

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Look is how the portals of an owner's projects look, and where they may be embedded. The zero value is hookyard's own
// look, and nowhere.
type Look struct {
	Name       string   `json:"name,omitempty" doc:"of the owner, as customers know it"`
	Logo       string   `json:"logo,omitempty" doc:"https URL of a picture, or a data: URL of at most 64 KiB"`
	Accent     string   `json:"accent,omitempty" doc:"colour of buttons and links, #rrggbb; as text made darker"`
	AccentDark string   `json:"accentDark,omitempty" doc:"the same for the dark theme; default: accent, made lighter"`
	Font       string   `json:"font,omitempty" doc:"system, humanist, geometric, rounded, serif or mono"`
	Theme      string   `json:"theme,omitempty" doc:"light or dark; default: as the browser prefers"`
	Frames     []string `json:"frames,omitempty" doc:"origins whose pages may embed the portals in a frame"`
}

// The bounds of a [Look].
const (
	maxLookName   = 100
	maxLogo       = 64 << 10
	maxLookFrames = 20
)

// LookFonts returns the fonts that a [Look] may have. They are families that systems come with: nothing is loaded.
func LookFonts() []string {
	return []string{"system", "humanist", "geometric", "rounded", "serif", "mono"}
}

var (
	hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	dataLogo = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp|svg\+xml);base64,([A-Za-z0-9+/]+={0,2})$`)
)

// Validate returns an [Invalid] error if a field cannot work.
func (l *Look) Validate(limits Limits) error {
	if len(l.Name) > maxLookName || CleanLine(l.Name, maxLookName) != l.Name {
		return FieldErrorf("name", "name is over %d bytes or holds control characters", maxLookName)
	}
	if err := l.checkLogo(limits); err != nil {
		return err
	}
	for field, color := range map[string]string{"accent": l.Accent, "accentDark": l.AccentDark} {
		if color != "" && !hexColor.MatchString(color) {
			return FieldErrorf(field, "%s must be a colour such as #3550c8", field)
		}
	}
	if l.Font != "" && !slices.Contains(LookFonts(), l.Font) {
		return FieldErrorf("font", "font must be one of %s", strings.Join(LookFonts(), ", "))
	}
	if l.Theme != "" && l.Theme != "light" && l.Theme != "dark" {
		return FieldErrorf("theme", "theme must be light or dark, or left out")
	}
	if len(l.Frames) > maxLookFrames {
		return FieldErrorf("frames", "frames holds %d origins, at most %d are allowed", len(l.Frames), maxLookFrames)
	}
	for _, origin := range l.Frames {
		if !isOrigin(origin) {
			return FieldErrorf("frames", "%q is no origin; write for example https://app.example.com",
				Clean(origin, 100))
		}
	}
	return nil
}

// checkLogo accepts a picture that a page may show: one of the web over TLS, or one that stands in the URL.
func (l *Look) checkLogo(limits Limits) error {
	if !strings.HasPrefix(l.Logo, "data:") {
		if l.Logo == "" || checkWebURL("logo", l.Logo, limits) == nil && l.LogoOrigin() != "" {
			return nil
		}
		return FieldErrorf("logo", "logo must be a URL with https://, or data: of an image in base64")
	}
	if len(l.Logo) > maxLogo {
		return FieldErrorf("logo", "logo is %d bytes long, at most %d are allowed: give the URL of the picture",
			len(l.Logo), maxLogo)
	}
	m := dataLogo.FindStringSubmatch(l.Logo)
	if m == nil {
		return FieldErrorf("logo", "logo must be data:image/TYPE;base64,… with png, jpeg, gif, webp or svg+xml")
	}
	if _, err := base64.StdEncoding.DecodeString(m[2]); err != nil {
		return FieldErrorf("logo", "logo is not valid base64")
	}
	return nil
}

// LogoOrigin returns the origin that the logo is loaded from over TLS, or "".
func (l *Look) LogoOrigin() string {
	u, err := url.Parse(l.Logo)
	if err != nil || u.Scheme != "https" || !isOrigin("https://"+u.Host) {
		return ""
	}
	return "https://" + u.Host
}

// originHost is a host name or address with an optional port, and nothing that ends a source of a policy.
var originHost = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)

// isOrigin reports whether s is an origin, of the web, with *. for all hosts of a domain.
func isOrigin(s string) bool {
	scheme, host, ok := strings.Cut(s, "://")
	return ok && (scheme == "https" || scheme == "http") && len(host) <= 260 && originHost.MatchString(host)
}
