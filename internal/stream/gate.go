package stream

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/hookyard/hookyard"
)

// Gate bounds how many requests are held open at a time, in all and for each address; /64 networks count as one address
// in IPv6, where a household has that many. Safe for concurrent use.
type Gate struct {
	perAddress, total int

	mu   sync.Mutex // guards what follows
	open int
	by   map[netip.Addr]int
}

// Bounds as shipped: a listener takes about 25 kB.
const (
	DefaultPerAddress = 2_500
	DefaultTotal      = 10_000
)

// NewGate makes a gate; 0 means the bounds as shipped.
func NewGate(perAddress, total int) *Gate {
	if perAddress <= 0 {
		perAddress = DefaultPerAddress
	}
	if total <= 0 {
		total = DefaultTotal
	}
	return &Gate{perAddress: perAddress, total: total, by: map[netip.Addr]int{}}
}

// Enter lets a request in, to be held open until leave is called, once. It fails with TooMany or Unavailable, and has
// then set Retry-After.
func (g *Gate) Enter(w http.ResponseWriter, r *http.Request) (leave func(), err error) {
	addr := addressOf(r.RemoteAddr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.total {
		w.Header().Set("Retry-After", "10")
		return nil, hookyard.Errorf(hookyard.Unavailable,
			"%d listeners are connected, which is as many as this server takes (setting: --max-listeners)", g.open)
	}
	if g.by[addr] >= g.perAddress {
		w.Header().Set("Retry-After", "10")
		return nil, hookyard.Errorf(hookyard.TooMany,
			"%d listeners are connected from your address, which is as many as one gets (setting: --max-listeners-per-address)", g.by[addr])
	}
	g.open++
	g.by[addr]++
	return func() { g.leave(addr) }, nil
}

func (g *Gate) leave(addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if g.by[addr]--; g.by[addr] == 0 {
		delete(g.by, addr)
	}
}

// Open returns how many requests are held open, for metrics.
func (g *Gate) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// addressOf is what counts as one address. Whatever cannot be read counts as one, too.
func addressOf(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
