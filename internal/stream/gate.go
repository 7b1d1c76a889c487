package stream

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/quota"
)

// Gate bounds how many requests are held open at a time, in all, for each address, and for projects and owners that
// have a limit; /64 networks count as one address in IPv6, where a household has that many. Safe for concurrent use.
type Gate struct {
	perAddress, total int
	quotas            *quota.Limiter

	mu   sync.Mutex // guards open and by
	open int
	by   map[netip.Prefix]int
}

// Bounds as shipped: a listener takes about 25 kB.
const (
	DefaultPerAddress = 2_500
	DefaultTotal      = 10_000
)

// NewGate makes a gate; 0 means the bounds as shipped. Without quotas, nil, projects and owners have no limits.
func NewGate(perAddress, total int, quotas *quota.Limiter) *Gate {
	if perAddress <= 0 {
		perAddress = DefaultPerAddress
	}
	if total <= 0 {
		total = DefaultTotal
	}
	return &Gate{perAddress: perAddress, total: total, quotas: quotas, by: map[netip.Prefix]int{}}
}

// fullWait is when a listener that was not let in is to come back.
const fullWait = 10 * time.Second

// Enter lets a request to a project in, to be held open until leave is called, once; nil is no project. It fails with
// TooMany or Unavailable.
func (g *Gate) Enter(r *http.Request, to *hookyard.Snapshot) (leave func(), err error) {
	network := hookyard.NetworkOf(r.RemoteAddr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.total {
		return nil, hookyard.Errorf(hookyard.Unavailable,
			"%d listeners are connected, which is the limit of this server (setting: --max-listeners)",
			g.open).After(fullWait)
	}
	if g.by[network] >= g.perAddress {
		return nil, hookyard.Errorf(hookyard.TooMany,
			"%d listeners are connected from your address, which is the limit "+
				"(setting: --max-listeners-per-address)", g.by[network]).After(fullWait)
	}
	left := func() {}
	if to != nil {
		if left, err = g.quotas.Listen(to); err != nil {
			return nil, err
		}
	}
	g.open++
	g.by[network]++
	return func() {
		left()
		g.leave(network)
	}, nil
}

func (g *Gate) leave(network netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if g.by[network]--; g.by[network] == 0 {
		delete(g.by, network)
	}
}

// Open returns how many requests are held open, for metrics.
func (g *Gate) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}
