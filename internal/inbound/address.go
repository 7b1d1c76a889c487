package inbound

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hookyard/hookyard"
)

// Address returns the client's address without its port, as it is stored and shown. What is not an address and a port,
// as behind a Unix socket, is returned as it is, cleaned.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return hookyard.Clean(r.RemoteAddr, 100)
	}
	return host
}

// ForwardedFor returns the address of the client that a request came from by way of trusted proxies. Each proxy appends
// to X-Forwarded-For whom it had the request from, so the entries are read from the last one on, as long as the one who
// appended it is trusted; anything before may be forged. A malformed entry ends the walk. ok is false when the peer
// itself is the client.
func ForwardedFor(trusted []netip.Prefix, r *http.Request) (client netip.Addr, ok bool) {
	client, known := hookyard.ParseAddress(r.RemoteAddr)
	if !known {
		return client, false
	}
	entries := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for entries != "" && contains(trusted, client) {
		last := strings.LastIndexByte(entries, ',')
		further, known := hookyard.ParseAddress(strings.TrimSpace(entries[last+1:]))
		if !known {
			break
		}
		client, ok = further, true
		entries = entries[:max(last, 0)]
	}
	return client, ok
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}
