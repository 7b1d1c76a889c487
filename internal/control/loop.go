package control

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// checkLoop refuses a hook's URL that is a way into the hook's own project: each of its events would come back as
// another one. Loops by way of other projects or servers are ended by the count in [hookyard.HeaderHops].
func (p *Project) checkLoop(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return nil //nolint:nilerr // a URL that cannot be read is refused elsewhere
	}
	for _, origin := range p.c.origins {
		base, err := url.Parse(origin)
		if err != nil || !sameHost(u, base) {
			continue
		}
		below, ok := strings.CutPrefix(path.Clean("/"+u.Path), strings.TrimRight(base.Path, "/"))
		if ok && isWayIn(below, p.Snapshot.Project) {
			return hookyard.FieldErrorf("url", "url leads back to this server, into the project the events come from: "+
				"each event would come back as another one; send to a URL of the receiver")
		}
	}
	return nil
}

// isWayIn reports whether a path of this server, without a prefix, accepts events for the project. The relay's path
// does not name the project: its events may be of any.
func isWayIn(below string, p *hookyard.Project) bool {
	if strings.Contains(below, "/_webhook/signal") {
		return true
	}
	parts := strings.Split(strings.Trim(below, "/"), "/")
	if len(parts) > 1 && parts[0] == "api" && parts[1] == "v1" {
		parts = slices.Delete(parts, 1, 2)
	}
	own := func(at int) bool {
		return len(parts) > at+1 && strings.EqualFold(parts[at], p.Owner) && strings.EqualFold(parts[at+1], p.Name)
	}
	switch parts[0] {
	case "in":
		return len(parts) > 3 && own(1)
	case "smee":
		return own(1)
	case "api":
		return len(parts) == 5 && parts[1] == "projects" && own(2) && parts[4] == "events"
	}
	return false
}

// sameHost reports whether two URLs mean the same server. The names of this machine are the same, and so is the
// address that stands for all of them.
func sameHost(a, b *url.URL) bool {
	return hostName(a) == hostName(b) && port(a) == port(b)
}

func hostName(u *url.URL) string {
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	addr, err := netip.ParseAddr(name)
	if name == "localhost" || err == nil && (addr.Unmap().IsLoopback() || addr.IsUnspecified()) {
		return "localhost"
	}
	if ip := net.ParseIP(name); ip != nil {
		return ip.String()
	}
	return name
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
