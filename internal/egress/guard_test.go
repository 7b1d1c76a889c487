package egress

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"code.dny.dev/ssrf"
)

func mustGuard(t testing.TB, allow ...string) guard {
	t.Helper()
	g, err := newGuard(allow)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	g := mustGuard(t)
	for addr, want := range map[string]string{
		"0.0.0.0": "this network", "0.255.255.255": "this network", "10.0.0.1": "private", "10.255.255.255": "private",
		"100.64.0.1": "carriers", "100.127.255.255": "carriers", "100.100.100.200": "carriers",
		"127.0.0.1": "loopback", "127.255.255.254": "loopback",
		"169.254.169.254": "metadata", "172.16.0.1": "private", "172.31.255.255": "private",
		"192.0.0.1": "IETF", "192.0.0.9": "IETF", "192.0.0.192": "IETF", "192.0.2.1": "documentation",
		"192.31.196.1": "AS112", "192.52.193.1": "AMT", "192.88.99.1": "6to4", "192.168.255.255": "private",
		"192.175.48.1": "AS112", "198.18.0.1": "bench", "198.19.255.255": "bench",
		"198.51.100.7": "documentation", "203.0.113.9": "documentation", "224.0.0.1": "multicast",
		"239.255.255.255": "multicast", "240.0.0.1": "reserved", "255.255.255.255": "broadcast",
		"168.63.129.16": "Azure",

		"::": "no host", "::1": "loopback", "::127.0.0.1": "compatible", "::8.8.8.8": "compatible",
		"::ffff:127.0.0.1": "loopback", "::ffff:a9fe:a9fe": "metadata", "::ffff:0:127.0.0.1": "reserved",
		"64:ff9b::127.0.0.1": "NAT64", "64:ff9b::a9fe:a9fe": "NAT64", "64:ff9b:1::1": "local NAT64",
		"64:ff9b:0:0:0:1::": "reserved", "100::1": "discarding", "100:0:0:1::1": "dummy",
		"2001::1": "Teredo", "2001:1::1": "IETF", "2001:2::1": "bench", "2001:4:112::1": "IETF", "2001:10::1": "ORCHID",
		"2001:20::1": "ORCHIDv2", "2001:30::1": "IETF", "2001:1ff::1": "IETF", "2001:db8::1": "documentation",
		"2002:7f00:1::": "6to4", "2002:808:808::": "6to4", "2620:4f:8000::1": "AS112", "3fff::1": "documentation",
		"3fff:fff::1": "documentation", "5f00::1": "segment", "fc00::1": "private", "fd00:ec2::254": "private",
		"fe80::1": "link-local", "fe80::1%eth0": "link-local", "febf::1": "link-local", "fec0::1": "site-local",
		"ff02::1": "multicast", "4000::1": "reserved", "1::1": "reserved", "f000::1": "reserved",

		"1.1.1.1": "", "8.8.8.8": "", "9.255.255.255": "", "11.0.0.0": "", "100.63.255.255": "", "100.128.0.0": "",
		"126.255.255.255": "", "128.0.0.0": "", "172.15.255.255": "", "172.32.0.0": "", "192.0.1.0": "",
		"223.255.255.255": "",
		"2000::1":         "", "2001:200::1": "", "2606:4700:4700::1111": "", "3fff:1000::1": "", "::ffff:8.8.8.8": "",
		"64:ff9b::8.8.8.8": "",
	} {
		got := g.refuse(netip.MustParseAddr(addr))
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: refused for %q, want %q", addr, got, want)
		}
	}
	if g.refuse(netip.Addr{}) == "" {
		t.Error("the zero address is allowed")
	}
}

// TestRefuseOracle compares the guard with an independent table of the registries: what the table denies, it must
// refuse.
func TestRefuseOracle(t *testing.T) {
	t.Parallel()
	oracle := ssrf.New(ssrf.WithAnyPort())
	g := mustGuard(t)
	nat64 := netip.MustParsePrefix("64:ff9b::/96")
	check := func(a netip.Addr) {
		denied, refused := oracle.SafeAddr(a) != nil, g.refuse(a) != ""
		azure := a.Unmap() == netip.MustParseAddr("168.63.129.16")
		switch {
		case a.Is4In6(): // the table denies the form, the guard checks the embedded address
			if refused != (g.refuse(a.Unmap()) != "") {
				t.Errorf("%s is not treated as %s", a, a.Unmap())
			}
		case nat64.Contains(a) || azure:
		case denied != refused:
			t.Errorf("%s: refused %t, oracle denied %t", a, refused, denied)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], r.Uint64())
		binary.BigEndian.PutUint64(b[8:], r.Uint64())
		check(netip.AddrFrom4([4]byte(b[:4])))
		check(netip.AddrFrom16(b))
		b[0], b[1] = 0x20, 1 // where the exceptions are
		b[2] &= 3
		check(netip.AddrFrom16(b))
	}
	for _, list := range [][]netip.Prefix{ssrf.IPv4DeniedPrefixes, ssrf.IPv6DeniedPrefixes} {
		for _, p := range list {
			for a := range edges(p) {
				check(a)
			}
		}
	}
	for _, s := range append(g.v4, g.v6...) {
		for a := range edges(s.prefix) {
			check(a)
		}
	}
}

// edges yields the first and last address of a prefix and their neighbors outside it.
func edges(p netip.Prefix) func(func(netip.Addr) bool) {
	return func(yield func(netip.Addr) bool) {
		first := p.Masked().Addr()
		b := first.AsSlice()
		for i := p.Bits(); i < len(b)*8; i++ {
			b[i/8] |= 0x80 >> (i % 8)
		}
		last, _ := netip.AddrFromSlice(b)
		for _, a := range []netip.Addr{first, last, first.Prev(), last.Next()} {
			if a.IsValid() && !yield(a) {
				return
			}
		}
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	g := mustGuard(t, "10.1.0.0/16", "192.168.7.7", "fd00::/8", "[::1]", " Intern.Example. ", "*.corp.example",
		"bücher.example", "::ffff:172.16.0.0/112")
	for addr, ok := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "192.168.7.7": true, "192.168.7.8": false,
		"fd12::1": true, "fc12::1": false, "::1": true, "127.0.0.1": false, "172.16.3.4": true, "172.17.0.1": false,
	} {
		if got := g.refuse(netip.MustParseAddr(addr)) == ""; got != ok {
			t.Errorf("%s: allowed %t, want %t", addr, got, ok)
		}
	}
	for name, ok := range map[string]bool{
		"intern.example": true, "x.intern.example": false, "a.corp.example": true, "a.b.corp.example": true,
		"corp.example": false, "acorp.example": false, "xn--bcher-kva.example": true,
	} {
		if got := g.allowsHost(name); got != ok {
			t.Errorf("%s: allowed %t, want %t", name, got, ok)
		}
	}
}

func TestAllowBad(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "10.0.0.0/33", "10.0.0", "0x7f.1", "a b", "*", "*.", "http://x.example", "a..b",
		"::ffff:0:0/90", "x:80"} {
		_, err := New(Options{Allow: []string{"10.0.0.1", entry}})
		if err == nil || !strings.Contains(err.Error(), `"`+entry+`"`) {
			t.Errorf("%q: error %v does not name it", entry, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	c := newClient(t, Options{Allow: []string{"10.1.0.0/16", "dev.localhost"}})
	for url, want := range map[string]string{ // part of the message, "" if allowed
		"https://example.com/x": "", "http://example.com:8080": "", "https://1.1.1.1/": "",
		"https://[2606:4700::1]:8443/": "",
		"http://10.1.2.3/":             "", "http://dev.localhost/": "", "https://bücher.example/": "",
		"http://a_b.example/":              "",
		"https://user:secret@example.com/": "",

		"http://127.0.0.1/":             "--allow-target 127.0.0.1",
		"http://127.0.0.1./":            "loopback",
		"http://user:secret@127.0.0.1/": "loopback",
		"http://[::1]/":                 "--allow-target ::1",
		"http://[::ffff:7f00:1]/":       "loopback",
		"http://[fe80::1%25eth0]/":      "link-local",
		"http://169.254.169.254/latest": "metadata",
		"http://localhost/":             "this machine",
		"http://LOCALHOST.:80/":         "this machine",
		"http://a.localhost/":           "this machine",
		"http://0177.0.0.1/":            "IPv4",
		"http://2130706433/":            "IPv4",
		"http://0x7f000001/":            "IPv4",
		"http://0X7F.1/":                "IPv4",
		"http://127.1/":                 "IPv4",
		"http://127.0.0.0x1/":           "IPv4",
		"http://1.2.3.4.5/":             "IPv4",
		"http://0x/":                    "IPv4",
		"http://①②⑦.0.0.1/":             "host name",
		"http://１２７.0.0.1/":             "host name",
		"http://127。0。0。1/":             "host name",
		"http://a..b/":                  "host name",
		"http://%31%32%37.0.0.1/":       "",
		"http:///x":                     "host name",
		"http:x":                        "host name",
		"ftp://example.com/":            "scheme",
		"//example.com/":                "scheme",
		"":                              "scheme",
		"http://example.com:0/":         "port",
		"http://example.com:65536/":     "port",
		"http://exa mple.com/":          "cannot be read",
		"http://example.com/\r\nX: y":   "cannot be read",
		"http://user:secret@ex\x00/":    "cannot be read",
	} {
		if url == "http://%31%32%37.0.0.1/" {
			want = "cannot be read" // net/url refuses escapes of ASCII in hosts
		}
		err := c.CheckURL(context.Background(), url)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		if e := asErrorOrNil(err); e == nil || e.Kind != KindBlocked || !strings.Contains(e.Message, want) ||
			strings.Contains(e.Message, "secret") {
			t.Errorf("%s: error %v, want one with %q", url, err, want)
		}
	}
}

func asErrorOrNil(err error) *Error {
	e, _ := err.(*Error)
	return e
}

func TestPunycode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{ // samples of RFC 3492 section 7.1, and names in use
		"bücher":            "xn--bcher-kva",
		"münchen":           "xn--mnchen-3ya",
		"ليهمابتكلموشعربي؟": "", // its question mark is not a letter
		"他们为什么不说中文":         "xn--ihqwcrb4cv8a8dqg056pqjye",
		"почемужеонинеговорятпорусски": "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l",
		"MajiでKoiする5秒前":                "xn--majikoi5-783gue6qz075azm5e",
		"例え":                           "xn--r8jz45g",
	} {
		if got, ok := asciiHost(in); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q %t, want %q", in, got, ok, want)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]target{
		"HTTP://Example.COM": {key: key{host: "example.com", port: "80"}, hostHeader: "example.com", uri: "/"},
		"https://example.com.:443/a": {key: key{host: "example.com", port: "443", tls: true}, hostHeader: "example.com",
			uri: "/a"},
		"http://x:0080/?a b&c=<ü>#f": {key: key{host: "x", port: "80"}, hostHeader: "x", uri: "/?a%20b&c=%3C%C3%BC%3E"},
		"http://u:p%40@x:81/a%2Fb c": {key: key{host: "x", port: "81"}, hostHeader: "x:81", uri: "/a%2Fb%20c",
			auth: "Basic dTpwQA=="},
		"http://[2606:4700:0::1]:8/": {key: key{host: "2606:4700::1", port: "8"}, hostHeader: "[2606:4700::1]:8",
			uri: "/", addr: netip.MustParseAddr("2606:4700::1")},
		"http://[::ffff:8.8.8.8]/": {key: key{host: "8.8.8.8", port: "80"}, hostHeader: "8.8.8.8", uri: "/",
			addr: netip.MustParseAddr("8.8.8.8")},
	} {
		if got, e := parseTarget(url); e != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", url, got, e, want)
		}
	}
}
