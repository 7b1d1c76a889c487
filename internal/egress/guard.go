package egress

import (
	"fmt"
	"net/netip"
	"strings"
)

// special is a range of addresses that are not public receivers.
type special struct {
	prefix netip.Prefix
	what   string
}

// guard decides which addresses may be dialed. It is immutable.
type guard struct {
	v4, v6   []special
	nat64    netip.Prefix
	global   netip.Prefix
	prefixes []netip.Prefix  // allowed although they are special
	hosts    map[string]bool // names allowed with any address
	suffixes []string        // ".suffix" for *.suffix
}

func newGuard(allow []string) (guard, error) {
	g := guard{
		v4:     specialRanges(ipv4Ranges),
		v6:     specialRanges(ipv6Ranges),
		nat64:  netip.MustParsePrefix("64:ff9b::/96"),
		global: netip.MustParsePrefix("2000::/3"),
		hosts:  map[string]bool{},
	}
	for _, entry := range allow {
		if !g.allow(strings.TrimSpace(entry)) {
			return guard{}, fmt.Errorf("--allow-target %q: want an address, a range such as 10.0.0.0/8, a host name, "+
				"or *.suffix", entry)
		}
	}
	return g, nil
}

// allow adds one entry and reports whether it is valid.
func (g *guard) allow(entry string) bool {
	if p, err := netip.ParsePrefix(entry); err == nil {
		if p.Addr().Is4In6() {
			if p.Bits() < 96 {
				return false
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.prefixes = append(g.prefixes, p.Masked())
		return true
	}
	if a, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		a = a.WithZone("").Unmap()
		g.prefixes = append(g.prefixes, netip.PrefixFrom(a, a.BitLen()))
		return true
	}
	name, wild := strings.CutPrefix(entry, "*.")
	name, ok := asciiHost(strings.TrimSuffix(name, "."))
	if !ok || isNumeric(name[strings.LastIndexByte(name, '.')+1:]) {
		return false
	}
	if wild {
		g.suffixes = append(g.suffixes, "."+name)
	} else {
		g.hosts[name] = true
	}
	return true
}

// allowsHost reports whether a name is allowed with any address.
func (g *guard) allowsHost(name string) bool {
	if g.hosts[name] {
		return true
	}
	for _, s := range g.suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// refuse returns what an address that must not be dialed is used for, or "" if it may be dialed.
func (g *guard) refuse(a netip.Addr) string {
	a = a.WithZone("").Unmap()
	for _, p := range g.prefixes {
		if p.Contains(a) {
			return ""
		}
	}
	return g.classify(a)
}

// classify returns the special use of an address, or "" for a public one.
func (g *guard) classify(a netip.Addr) string {
	if !a.IsValid() {
		return "not an address"
	}
	if a.Is4() {
		return find(g.v4, a)
	}
	// RFC 6052: behind this prefix a gateway dials the IPv4 address in the last four bytes.
	if g.nat64.Contains(a) {
		b := a.As16()
		if what := find(g.v4, netip.AddrFrom4([4]byte(b[12:]))); what != "" {
			return "NAT64 of an address for " + what
		}
		return ""
	}
	if what := find(g.v6, a); what != "" {
		return what
	}
	// IANA has allocated global unicast addresses from 2000::/3 only. All others are reserved.
	if !g.global.Contains(a) {
		return "reserved use"
	}
	return ""
}

func find(ranges []special, a netip.Addr) string {
	for i := range ranges {
		if ranges[i].prefix.Contains(a) {
			return ranges[i].what
		}
	}
	return ""
}

// checkTarget refuses targets that can be refused without a DNS lookup.
func (g *guard) checkTarget(t *target) *Error {
	if t.addr.IsValid() {
		if what := g.refuse(t.addr); what != "" {
			return blocked("%s is an address for %s and is not sent to; --allow-target %s would allow it", t.host, what,
				t.host)
		}
		return nil
	}
	if t.host != "localhost" && !strings.HasSuffix(t.host, ".localhost") || g.allowsHost(t.host) {
		return nil
	}
	// RFC 6761 section 6.3: these names are this machine, whatever a resolver or proxy says.
	if g.refuse(netip.AddrFrom4([4]byte{127, 0, 0, 1})) == "" || g.refuse(netip.IPv6Loopback()) == "" {
		return nil
	}
	return blocked("%s is this machine and is not sent to; --allow-target %s would allow it", t.host, t.host)
}

// choose returns the addresses that may be dialed, and an error if there are none.
func (g *guard) choose(t *target, addrs []netip.Addr) ([]netip.Addr, *Error) {
	if g.allowsHost(t.host) {
		return addrs, nil
	}
	var ok []netip.Addr
	var why []string
	for _, a := range addrs {
		what := g.refuse(a)
		if what == "" {
			ok = append(ok, a)
		} else if len(why) < 4 {
			why = append(why, a.WithZone("").Unmap().String()+" (an address for "+what+")")
		}
	}
	if len(ok) == 0 {
		return nil, blocked("%s resolves to %s and is not sent to; --allow-target %s, or the address or its range, "+
			"would allow it", t.host, strings.Join(why, ", "), t.host)
	}
	return ok, nil
}

// The ranges of the IANA registries, a line "prefix use" for each, narrower ranges first.
const (
	// https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast (RFC 5771). Ranges that the registry
	// calls globally reachable (AS112, AMT, the anycast addresses in 192.0.0.0/24) are infrastructure and not
	// receivers. The last one is formally public, but on a virtual machine in Azure it is the host's control channel.
	ipv4Ranges = `
0.0.0.0/8 this network (RFC 791)
10.0.0.0/8 private use (RFC 1918)
100.64.0.0/10 carriers' shared space (RFC 6598)
127.0.0.0/8 loopback (RFC 1122)
169.254.0.0/16 link-local use and cloud metadata (RFC 3927)
172.16.0.0/12 private use (RFC 1918)
192.0.0.0/24 IETF protocols (RFC 6890)
192.0.2.0/24 documentation (RFC 5737)
192.31.196.0/24 AS112 (RFC 7535)
192.52.193.0/24 AMT (RFC 7450)
192.88.99.0/24 6to4 relays (RFC 7526)
192.168.0.0/16 private use (RFC 1918)
192.175.48.0/24 AS112 (RFC 7534)
198.18.0.0/15 benchmarking (RFC 2544)
198.51.100.0/24 documentation (RFC 5737)
203.0.113.0/24 documentation (RFC 5737)
224.0.0.0/4 multicast (RFC 5771)
255.255.255.255/32 broadcast (RFC 8190)
240.0.0.0/4 reserved use (RFC 1112)
168.63.129.16/32 Azure's host services`

	// https://www.iana.org/assignments/iana-ipv6-special-registry, site-local (RFC 3879), multicast (RFC 4291) and
	// IPv4-compatible addresses (RFC 4291). In 64:ff9b::/96 the embedded IPv4 address counts.
	ipv6Ranges = `
::1/128 loopback (RFC 4291)
::/128 no host (RFC 4291)
::/96 IPv4-compatible form (RFC 4291)
64:ff9b:1::/48 local NAT64 (RFC 8215)
100::/64 discarding (RFC 6666)
100:0:0:1::/64 dummy prefix (RFC 9780)
2001::/32 Teredo (RFC 4380)
2001:2::/48 benchmarking (RFC 5180)
2001:10::/28 ORCHID (RFC 4843)
2001:20::/28 ORCHIDv2 (RFC 7343)
2001::/23 IETF protocols (RFC 2928)
2001:db8::/32 documentation (RFC 3849)
2002::/16 6to4 (RFC 3056)
2620:4f:8000::/48 AS112 (RFC 7534)
3fff::/20 documentation (RFC 9637)
5f00::/16 segment routing (RFC 9602)
fc00::/7 private use (RFC 4193)
fe80::/10 link-local use (RFC 4291)
fec0::/10 site-local use (RFC 3879)
ff00::/8 multicast (RFC 4291)`
)

func specialRanges(text string) []special {
	var ranges []special
	for line := range strings.Lines(strings.TrimSpace(text)) {
		prefix, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		ranges = append(ranges, special{netip.MustParsePrefix(prefix), what})
	}
	return ranges
}
