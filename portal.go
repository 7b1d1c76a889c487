package hookyard

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// PortalGrant is what a link to a project's portal, and the session that it starts, give to a customer.
type PortalGrant struct {
	ReadOnly  bool         `json:"readOnly" doc:"shows everything but secrets, and changes nothing"`
	ReturnURL string       `json:"returnUrl,omitempty" doc:"the portal links back to it"`
	Hide      []PortalPart `json:"hide,omitempty" doc:"pages to leave out"`
	TTL       Duration     `json:"ttl" doc:"how long the link can be opened, and how long a session lasts from then"`
	CreatedBy string       `json:"createdBy"`
}

// PortalPart is a part of a portal that a link can leave out.
type PortalPart string

// The parts of a portal beside the endpoints.
const (
	PartDeliveries PortalPart = "deliveries" // with their attempts and replays
	PartCatalogue  PortalPart = "catalogue"  // the owner's event types
	PartVerify     PortalPart = "verify"     // how to verify a signature
)

// PortalParts returns the parts that can be left out.
func PortalParts() []PortalPart { return []PortalPart{PartDeliveries, PartCatalogue, PartVerify} }

// The bounds of [PortalGrant.TTL].
const (
	MinPortalTTL     = time.Minute
	DefaultPortalTTL = time.Hour
	MaxPortalTTL     = 7 * 24 * time.Hour
)

// Role returns the role of a session.
func (g *PortalGrant) Role() Role {
	if g.ReadOnly {
		return RolePortalRead
	}
	return RolePortal
}

// Shows reports whether a part is not hidden. "" is what every portal has.
func (g *PortalGrant) Shows(part PortalPart) bool { return !slices.Contains(g.Hide, part) }

// Validate returns an [Invalid] error if a field cannot work.
func (g *PortalGrant) Validate(limits Limits) error {
	if d := time.Duration(g.TTL); d < MinPortalTTL || d > MaxPortalTTL {
		return FieldErrorf("ttl", "ttl must be between %s and %s", FormatDuration(MinPortalTTL),
			FormatDuration(MaxPortalTTL))
	}
	for i, part := range g.Hide {
		if !slices.Contains(PortalParts(), part) {
			return FieldErrorf("hide", "hide holds %q, which is none of deliveries, catalogue, verify",
				Clean(string(part), 50))
		}
		if slices.Contains(g.Hide[:i], part) {
			return FieldErrorf("hide", "hide holds %s twice", part)
		}
	}
	if g.ReturnURL == "" {
		return nil
	}
	return checkWebURL("returnUrl", g.ReturnURL, limits)
}

// checkWebURL refuses what is not the whole URL of a web page: a browser would run javascript:, and take what has no
// host for a page of this server.
func checkWebURL(field, raw string, limits Limits) error {
	if len(raw) > limits.URL {
		return FieldErrorf(field, "%s is %d bytes long, at most %d are allowed (setting: --max-url)", field, len(raw),
			limits.URL)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.ContainsAny(raw, " \\\"'<>") || Clean(raw, len(raw)) != raw {
		return FieldErrorf(field, "%s must be a URL with http:// or https:// and a host, without a password", field)
	}
	return nil
}

// PortalLink is a link to a project's portal. It starts one session. Only the hash of its key is stored.
type PortalLink struct {
	PortalGrant
	Hash       []byte
	ProjectKey int64
	ExpiresAt  time.Time
}

// PortalSession is a customer's session in the portal of one project. Only the hash of its cookie is stored.
type PortalSession struct {
	PortalGrant
	Hash       []byte
	ID         string // pts_…
	ProjectKey int64
	CreatedAt  time.Time
	ExpiresAt  time.Time
}

// Actor returns what the audit log calls the session. The name of a user has no colon.
func (s *PortalSession) Actor() string { return "portal:" + s.ID }

// MaxPortalLinks is how many links and sessions together the portal of a project may have.
const MaxPortalLinks = 1000
