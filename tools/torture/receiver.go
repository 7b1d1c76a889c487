//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// mood is how a receiver behaves.
type mood int

const (
	healthy mood = iota
	slow         // answers 2xx, late
	hostile      // hangs, drips, breaks off, talks rubbish, without end, or answers 500
	dead         // does not listen
)

// How long receivers take to answer; hookTimeout is longer. A healthy one takes up to quickness, so that at any moment
// some deliveries are under way.
const (
	quickness = 50 * time.Millisecond
	slowness  = 700 * time.Millisecond
)

// receiver is what a hook sends to. It is safe for concurrent use.
type receiver struct {
	hook string
	flow string // of the events that its hook wants
	addr string

	mu       sync.Mutex // guards what follows
	mood     mood
	random   *rand.Rand
	server   *http.Server // nil for what a queue's consumer takes
	served   map[key]bool // answered with a 2xx
	highest  int
	repeated int      // came again after a 2xx
	disorder []string // what came for the first time after a later one, told

	next int // of the ledger's acknowledgements: those before it are all served; only behind uses it
}

func newReceiver(hook, flow string, seed uint64) (*receiver, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &receiver{hook: hook, flow: flow, addr: loopback(port), served: map[key]bool{},
		random: rand.New(rand.NewPCG(seed, uint64(len(hook))))}
	return r, r.listen()
}

func (r *receiver) url() string { return "http://" + r.addr + "/" + r.hook }

func (r *receiver) listen() error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	r.mu.Lock()
	r.server = s
	r.mu.Unlock()
	go func() { _ = s.Serve(l) }() // ends with close
	return nil
}

func (r *receiver) close() {
	r.mu.Lock()
	s := r.server
	r.mu.Unlock()
	if s != nil {
		_ = s.Close()
	}
}

// become changes how the receiver behaves.
func (r *receiver) become(m mood) error {
	r.mu.Lock()
	was := r.mood
	r.mood = m
	r.mu.Unlock()
	switch {
	case m == dead:
		r.close()
	case was == dead:
		return r.listen()
	}
	return nil
}

// ServeHTTP receives one delivery.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	k, ok := keyOf(body)
	if !ok {
		http.Error(w, "not an event of this run", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	mood := r.mood
	trick, wait := r.random.IntN(6), time.Duration(r.random.Int64N(int64(quickness)))
	r.mu.Unlock()
	switch mood {
	case hostile:
		torment(w, req, trick)
		return
	case slow:
		wait = slowness
	}
	pause(req.Context(), wait)
	if req.Context().Err() != nil {
		return // the sender is gone, and has not seen a 2xx
	}
	w.WriteHeader(http.StatusNoContent)
	r.serve(k)
}

// serve notes an event that was answered with a 2xx.
func (r *receiver) serve(k key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.served[k]:
		r.repeated++
	case k.N < r.highest && k.Flow == ordered:
		r.disorder = append(r.disorder, fmt.Sprintf("%s: %d came after %d, at %s", r.hook, k.N, r.highest,
			time.Now().Format("15:04:05.000")))
	}
	r.served[k] = true
	r.highest = max(r.highest, k.N)
}

// torment does to a sender what the worst of receivers do, and never answers with a 2xx that counts.
func torment(w http.ResponseWriter, r *http.Request, trick int) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*hookTimeout)
	defer cancel()
	switch trick {
	case 0: // no answer
		<-ctx.Done()
	case 1: // an answer that never ends, a byte at a time
		w.WriteHeader(http.StatusInternalServerError)
		for ctx.Err() == nil {
			if _, err := io.WriteString(w, "x"); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			pause(ctx, 50*time.Millisecond)
		}
	case 2: // one that never ends, as fast as it can be sent
		w.WriteHeader(http.StatusInternalServerError)
		for range 1000 {
			if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
				return
			}
		}
	case 3: // rubbish
		answerRaw(w, "HTTP/9.9 quux\r\n: :\r\n\x00\xff\r\n\r\n")
	case 4: // the connection ends before the answer
		answerRaw(w, "")
	default:
		http.Error(w, "no", http.StatusInternalServerError)
	}
}

// answerRaw sends bytes in place of an answer and closes the connection.
func answerRaw(w http.ResponseWriter, s string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, s)
	_ = c.Close()
}

// behind returns how old the oldest acknowledgement is whose event the receiver has not served. Only one goroutine may
// call it.
func (r *receiver) behind(l *ledger, now time.Time) time.Duration {
	acked := l.since(r.next)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range acked {
		if a.key.Flow == r.flow && !r.served[a.key] {
			return now.Sub(a.at)
		}
		r.next++
	}
	return 0
}

func (r *receiver) has(k key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.served[k]
}
