package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// defaultPage is how many entries a page has unless the caller says otherwise.
const defaultPage = 50

func (c *call) limit() (int, error) {
	v := c.q.Get("limit")
	if v == "" && !c.q.Has("limit") {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > control.MaxPage {
		return 0, hookyard.FieldErrorf("limit", "limit must be a number from 1 to %d", control.MaxPage)
	}
	return n, nil
}

// all reads ?all=: whether the caller wants those of everybody.
func (c *call) all() (bool, error) { return c.flag("all") }

// flag reads a parameter that is true or false, false unless given.
func (c *call) flag(name string) (bool, error) {
	switch c.q.Get(name) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, hookyard.FieldErrorf(name, "%s must be true or false", name)
}

// revision reads which revision a change is meant for: the If-Match header, ?revision=, or the given number; 0 is any,
// and [control.Absent] with If-None-Match that it must not exist.
func (c *call) revision(given int64) (int64, error) {
	if v := c.q.Get("revision"); v != "" {
		var err error
		if given, err = strconv.ParseInt(v, 10, 64); err != nil || given <= 0 {
			return 0, hookyard.FieldErrorf("revision", "revision must be a number, as an earlier answer gave it")
		}
	}
	v, none := c.r.Header.Get("If-Match"), c.r.Header.Get("If-None-Match")
	switch {
	case none != "" && none != "*":
		return 0, hookyard.Errorf(hookyard.Invalid, "If-None-Match must be *: create it, and do not replace it")
	case none != "" && (v != "" || given != 0):
		return 0, hookyard.Errorf(hookyard.Invalid, "give either If-None-Match or a revision")
	case none != "":
		return control.Absent, nil
	case v == "" || v == "*":
		return given, nil
	}
	n, err := strconv.ParseInt(trimETag(v), 10, 64)
	if err != nil || n <= 0 {
		return 0, hookyard.Errorf(hookyard.Invalid, "If-Match must be the ETag of an earlier answer, such as \"3\"")
	}
	return n, nil
}

// stale gives the conflict of a change that is meant for another revision the status for If-Match or If-None-Match,
// when that named it.
func (c *call) stale(err error, revision int64) error {
	var e *hookyard.Error
	v := c.r.Header.Get("If-Match")
	named := v != "" && v != "*" || revision == control.Absent
	if revision == 0 || !named || !errors.As(err, &e) || e.Code != hookyard.Conflict {
		return err
	}
	return withStatus(http.StatusPreconditionFailed, e)
}

func trimETag(v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}
