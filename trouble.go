package hookyard

import "time"

// Trouble is a fault that lasts. It says how long a caller is to wait before trying again: longer, the longer it has
// lasted, so that many callers do not keep down what is about to recover. The zero value is no trouble.
type Trouble struct {
	since, last time.Time
}

// Bounds of the wait.
const (
	shortestWait = time.Second
	longestWait  = time.Minute
)

// Seen notes that there is trouble now, and returns the wait: half the time that the trouble has lasted, between a
// second and a minute. What was not seen for twice the last wait, or for ten seconds, is over, and this is new trouble.
func (t *Trouble) Seen(now time.Time) time.Duration {
	if now.Sub(t.last) > max(10*shortestWait, 2*t.wait()) {
		t.since = now
	}
	t.last = now
	return t.wait()
}

// wait is what the last call of Seen returned.
func (t *Trouble) wait() time.Duration {
	return min(max(t.last.Sub(t.since)/2, shortestWait), longestWait)
}

// Over ends the trouble.
func (t *Trouble) Over() { *t = Trouble{} }
