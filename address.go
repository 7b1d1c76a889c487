package hookyard

import (
	"net/netip"
	"strings"
)

// NetworkOf returns what counts as one client where limits are by address: the address, or for IPv6 its /64 network, as
// a single household has that many. remote may have a port. The result is not valid when there is no address, as behind
// a Unix socket.
func NetworkOf(remote string) netip.Prefix {
	addr, ok := ParseAddress(remote)
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

// ParseAddress reads an address, with or without a port.
func ParseAddress(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap(), err == nil
}
