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

// Network returns what counts as one client where limits are by address: the address, or for IPv6 its /64 network, as a
// single household has that many. remote may have a port. The result is not valid when there is no address, as behind a
// Unix socket.
func Network(remote string) netip.Prefix {
	addr, ok := parse(remote)
	if !ok {
		return netip.Prefix{}
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.WithZone("").Prefix(bits) // an address has that many bits
	return network
}

// ForwardedFor returns the address of the client that a request came from by way of trusted proxies. Each proxy appends
// to X-Forwarded-For whom it had the request from, so the entries are read from the last one on, as long as the one who
// appended it is trusted; anything before may be forged. A malformed entry ends the walk. ok is false when the peer
// itself is the client.
func ForwardedFor(trusted []netip.Prefix, r *http.Request) (client netip.Addr, ok bool) {
	client, known := parse(r.RemoteAddr)
	if !known {
		return client, false
	}
	entries := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for entries != "" && contains(trusted, client) {
		last := strings.LastIndexByte(entries, ',')
		further, known := parse(strings.TrimSpace(entries[last+1:]))
		if !known {
			break
		}
		client, ok = further, true
		entries = entries[:max(last, 0)]
	}
	return client, ok
}

// parse reads an address, with or without a port.
func parse(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap(), err == nil
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}
