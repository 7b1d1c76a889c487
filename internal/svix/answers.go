package svix

import (
	"container/list"
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// The bounds on remembered answers.
const (
	answerLife  = 12 * time.Hour
	maxAnswers  = 10_000
	answerBytes = 16 << 20
	answerWait  = 5 * time.Second // for the first of two requests with one key
)

type answerKey [sha256.Size]byte

// answers remembers what POST requests with an Idempotency-Key were answered, in the memory of this node.
type answers struct {
	mu    sync.Mutex // guards what follows
	byKey map[answerKey]*remembered
	order *list.List // of *remembered that are done, the oldest first
	bytes int
}

type remembered struct {
	key   answerKey
	done  chan struct{} // closed when the request was answered
	out   answer
	kept  bool // out is to be given again
	until time.Time
}

func newAnswers() *answers { return &answers{byKey: map[answerKey]*remembered{}, order: list.New()} }

// answerKey returns what identifies the request among its repeats, nil if they are not asked to be the same.
func (c *call) answerKey() *answerKey {
	key := c.r.Header.Get("Idempotency-Key")
	if c.r.Method != http.MethodPost || key == "" || c.id == nil {
		return nil
	}
	h := sha256.New()
	for _, part := range []string{c.r.Header.Get("Authorization"), key, c.r.URL.RequestURI()} {
		n := sha256.Sum256([]byte(part))
		_, _ = h.Write(n[:])
	}
	return (*answerKey)(h.Sum(nil))
}

// once runs f, unless a request with the key was answered with success, or is being answered: then it returns that
// answer. Answers that are no success are not remembered.
func (a *answers) once(ctx context.Context, key answerKey, f func() answer) (answer, error) {
	timeout := time.NewTimer(answerWait)
	defer timeout.Stop()
	for {
		r, first := a.begin(key)
		if first {
			return a.finish(r, f), nil
		}
		select {
		case <-r.done:
			if r.kept {
				return r.out, nil
			}
		case <-timeout.C:
			return answer{}, hookyard.Errorf(hookyard.Unavailable, "a request with this idempotency-key is under way")
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
	}
}

// begin returns what is remembered of the key; first: nothing is, and the caller must finish it.
func (a *answers) begin(key answerKey) (r *remembered, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.byKey[key]; r != nil && (r.until.IsZero() || time.Now().Before(r.until)) {
		return r, false
	}
	r = &remembered{key: key, done: make(chan struct{})}
	a.byKey[key] = r
	return r, true
}

func (a *answers) finish(r *remembered, f func() answer) (out answer) {
	defer func() { // also when f panics: nobody must wait for it
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.out = out; out.status >= 200 && out.status < 300 {
			r.kept, r.until = true, time.Now().Add(answerLife)
			a.bytes += len(out.body)
			a.order.PushBack(r)
			a.evict()
		} else if a.byKey[r.key] == r {
			delete(a.byKey, r.key)
		}
		close(r.done)
	}()
	return f()
}

// evict forgets the oldest answers beyond the bounds. It needs a.mu.
func (a *answers) evict() {
	for e := a.order.Front(); e != nil; e = a.order.Front() {
		r := e.Value.(*remembered)
		if a.order.Len() <= maxAnswers && a.bytes <= answerBytes && time.Now().Before(r.until) {
			return
		}
		a.order.Remove(e)
		if a.bytes -= len(r.out.body); a.byKey[r.key] == r {
			delete(a.byKey, r.key)
		}
	}
}
