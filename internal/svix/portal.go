package svix

import (
	"net/http"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// The bounds on how long the link to a portal is good, in seconds.
const (
	minPortal = 60 * 60
	maxPortal = 7 * 24 * 60 * 60
)

// manageEndpoint is the capability without which a portal is read-only.
const manageEndpoint = "ManageEndpoint"

// openPortal makes a link to the application's portal. It is good for one browser; there is no token beside it.
func openPortal(c *call) (int, any, error) {
	o, err := c.object(true)
	if err != nil {
		return 0, nil, err
	}
	inline := c.inline(o)
	expiry := read[uint32](c, o, "a whole number", "expiry")
	seconds, given := expiry.Get()
	if !given || expiry.IsNull() {
		seconds = maxPortal
	}
	if seconds < minPortal || seconds > maxPortal {
		c.faults.add("must be between 3600 and 604800 seconds", "expiry")
	}
	readOnly, _ := read[bool](c, o, "true or false", "readOnly").Get()
	capabilities := read[[]string](c, o, "a list of strings", "capabilities")
	if list, given := capabilities.Get(); given && !capabilities.IsNull() {
		readOnly = readOnly || !slices.Contains(list, manageEndpoint)
	}
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	p, err := c.app(control.Admin)
	if inline != nil && isRefused(err, http.StatusNotFound) {
		if _, _, err := c.makeApp(*inline, true); err != nil {
			return 0, nil, err
		}
		p, err = c.app(control.Admin)
	}
	if err != nil {
		return 0, nil, err
	}
	key, _, err := p.CreatePortalLink(c.ctx(), control.PortalSpec{ReadOnly: readOnly,
		TTL: control.Value(hookyard.Duration(time.Duration(seconds) * time.Second))})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	}{URL: c.a.o.BaseURL + control.PortalPath(p.Snapshot.Project, key)}, nil
}

// closePortal makes the links to the application's portal useless and ends its sessions.
func closePortal(c *call) (int, any, error) {
	p, err := c.app(control.Admin)
	if err != nil {
		return 0, nil, err
	}
	_, _, err = p.RevokePortal(c.ctx())
	return http.StatusNoContent, nil, err
}

func noLogout(*call) (int, any, error) {
	return 0, nil, unsupported("portals have no tokens; POST /auth/app/{app}/expire-all ends their sessions")
}
