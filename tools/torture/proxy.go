//go:build linux

package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// proxy passes TCP connections on to another address, and misbehaves on request. It is safe for concurrent use.
type proxy struct {
	l      net.Listener
	target string
	work   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	open  *sync.Cond // broadcast when cut or done changes
	cut   bool
	done  bool
	delay time.Duration // of each piece that passes, in either direction
	conns map[net.Conn]bool
}

func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{l: l, target: target, conns: map[net.Conn]bool{}}
	p.open = sync.NewCond(&p.mu)
	p.work.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.l.Addr().String() }

// setCut stops all traffic, as a network does that loses every packet: connections stay open and nothing passes. When
// it is over, what was held back passes.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	p.cut = cut
	p.mu.Unlock()
	p.open.Broadcast()
}

// setDelay holds every piece back for d.
func (p *proxy) setDelay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// reset ends all connections with an RST.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns { // all, before the first is closed: its end makes the copying close others
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) close() {
	_ = p.l.Close()
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.open.Broadcast()
	p.reset()
	p.work.Wait()
}

func (p *proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		if p.track(c) {
			p.work.Go(func() { p.serve(c) })
		}
	}
}

// track remembers a connection; once the proxy is closed it closes the connection instead and returns false.
func (p *proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

func (p *proxy) serve(client net.Conn) {
	defer p.forget(client)
	p.gate()
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil || !p.track(server) {
		return
	}
	defer p.forget(server)
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client) })
	both.Go(func() { p.copy(client, server) })
	both.Wait()
}

// copy passes on what comes from one side until that side ends, and tells the other side so.
func (p *proxy) copy(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.gate()
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err == io.EOF {
			_ = to.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// gate waits while the network is cut, and for the delay.
func (p *proxy) gate() {
	p.mu.Lock()
	for p.cut && !p.done {
		p.open.Wait()
	}
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
}
