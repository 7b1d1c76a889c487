package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

// Bounds on pages.
const (
	defaultPage = 50
	maxPage     = 500
)

func (c *call) limit() (int, error) {
	v := c.q.Get("limit")
	if v == "" || v == "0" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxPage {
		return 0, hookyard.FieldErrorf("limit", "limit must be a number from 1 to %d", maxPage)
	}
	return n, nil
}

// time reads a parameter that is a time, or a duration such as 24h that means so long ago.
func (c *call) time(name string) (time.Time, error) {
	v := c.q.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	return readTime(name, v)
}

func readTime(name, v string) (time.Time, error) {
	if ago, err := hookyard.ParseDuration(v); err == nil && ago >= 0 {
		return now().Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil || !storable(t) {
		return time.Time{}, hookyard.FieldErrorf(name,
			"%s must be a time such as 2026-01-31T12:00:00Z, or a duration such as 24h or 7d that means so long ago",
			name)
	}
	return t, nil
}

// storable says whether a time fits into the microseconds of the store with room for sums.
func storable(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// state reads a parameter that is the state of a delivery.
func (c *call) state() (hookyard.State, error) { return checkState(hookyard.State(c.q.Get("state"))) }

func checkState(s hookyard.State) (hookyard.State, error) {
	switch s {
	case "", hookyard.Pending, hookyard.Delivered, hookyard.Failed, hookyard.Skipped, hookyard.Canceled:
		return s, nil
	}
	return "", hookyard.FieldErrorf("state", "state must be one of pending, delivered, failed, skipped, canceled")
}

// hookNamed returns the project's hook of that id.
func (c *call) hookNamed(id string) (*hookyard.Hook, error) {
	if h := c.view.Hook(id); h != nil {
		return h, nil
	}
	return nil, noSuchHook(id)
}

func noSuchHook(id string) error {
	return hookyard.Errorf(hookyard.NotFound, "no such hook [%s]", hookyard.Clean(id, 200))
}

// hookParam reads a parameter that names a hook; 0 when it is not there.
func (c *call) hookParam() (int64, error) {
	id := c.q.Get("hook")
	if id == "" {
		return 0, nil
	}
	h, err := c.hookNamed(id)
	if err != nil {
		return 0, err
	}
	return h.Key, nil
}

// revision reads which revision a change is meant for: the If-Match header, ?revision=, or the given number; 0 means
// any. status is what a stale one is answered with.
func (c *call) oldRevision(given int64) (revision int64, status int, err error) {
	if v := c.q.Get("revision"); v != "" {
		if given, err = strconv.ParseInt(v, 10, 64); err != nil || given <= 0 {
			return 0, 0, hookyard.FieldErrorf("revision", "revision must be a number, as an earlier answer gave it")
		}
	}
	v := c.r.Header.Get("If-Match")
	if v == "" || v == "*" {
		return given, http.StatusConflict, nil
	}
	n, err := strconv.ParseInt(trimETag(v), 10, 64)
	if err != nil || n <= 0 {
		return 0, 0, hookyard.Errorf(hookyard.Invalid, "If-Match must be the ETag of an earlier answer, such as \"3\"")
	}
	return n, http.StatusPreconditionFailed, nil
}

// expect refuses a change that is meant for another revision of what than the one it is at.
func (c *call) expect(what string, at int64) error {
	wanted, stale, err := c.oldRevision(0)
	if err != nil {
		return err
	}
	if wanted == 0 || wanted == at {
		return nil
	}
	return withStatus(stale, hookyard.Errorf(hookyard.Conflict,
		"%s was changed by somebody else: it is at revision %d, not %d", what, at, wanted))
}

// maxAfresh is how often a change is made anew because somebody else was quicker.
const maxAfresh = 5

// afresh makes a change that is kept only over the revision it was made from, and makes it anew over the newer one when
// somebody else was quicker. Who named a revision is refused then, by expect.
func (c *call) afresh(change func() error) error {
	for tries := 1; ; tries++ {
		err := change()
		if !errors.Is(err, hookyard.ErrStale) || tries == maxAfresh {
			return err
		}
		if c.view, err = c.a.o.Store.View(c.ctx(), c.param("owner"), c.param("project")); err != nil {
			return err
		}
	}
}

func trimETag(v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}

// revision reads which revision a change is meant for: the If-Match header, ?revision=, or the given number; 0 is any.
func (c *call) revision(given int64) (int64, error) {
	if v := c.q.Get("revision"); v != "" {
		var err error
		if given, err = strconv.ParseInt(v, 10, 64); err != nil || given <= 0 {
			return 0, hookyard.FieldErrorf("revision", "revision must be a number, as an earlier answer gave it")
		}
	}
	v := c.r.Header.Get("If-Match")
	if v == "" || v == "*" {
		return given, nil
	}
	n, err := strconv.ParseInt(trimETag(v), 10, 64)
	if err != nil || n <= 0 {
		return 0, hookyard.Errorf(hookyard.Invalid, "If-Match must be the ETag of an earlier answer, such as \"3\"")
	}
	return n, nil
}

// stale gives the conflict of a change that is meant for another revision the status for If-Match, when that named it.
func (c *call) stale(err error, revision int64) error {
	var e *hookyard.Error
	v := c.r.Header.Get("If-Match")
	if revision == 0 || v == "" || v == "*" || !errors.As(err, &e) || e.Code != hookyard.Conflict {
		return err
	}
	return withStatus(http.StatusPreconditionFailed, e)
}
