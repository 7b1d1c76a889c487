package stream

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// start reads where a listener wants to begin and what it wants.
//
//	Last-Event-ID, X-Hookyard-Cursor, ?after= or ?lastEventId=: a cursor; a header wins, as EventSource sends it
//	?since=: now (the default), all, a duration such as 10m, a time, or an event's id, after which to begin
//	?type=: names or patterns as hooks have them, also several; ?source=; ?filter=
func (l *Listeners) start(r *http.Request, projectKey int64) (Start, Selection, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Start{}, Selection{}, hookyard.Errorf(hookyard.Invalid, "the query of the URL cannot be read: %v", err)
	}
	sel, err := l.selection(q)
	if err != nil {
		return Start{}, sel, err
	}
	cursor := r.Header.Get("Last-Event-ID")
	for _, other := range []string{r.Header.Get(CursorHeader), q.Get("after"), q.Get("lastEventId")} {
		if cursor == "" {
			cursor = other
		}
	}
	if cursor != "" {
		at, err := ParseCursor(cursor, projectKey)
		return Start{After: at.Seq, Mark: at.Mark}, sel, err
	}
	start, since, err := l.since(r, q.Get("since"), projectKey)
	sel.Since = since
	return start, sel, err
}

func (l *Listeners) selection(q url.Values) (Selection, error) {
	sel := Selection{Types: hookyard.SelectAll(), Source: q.Get("source"), Filter: q.Get("filter")}
	var names []string
	for _, v := range q["type"] {
		for name := range strings.SplitSeq(v, ",") {
			if name != "" && name != "*" && name != "all" {
				names = append(names, name)
			}
		}
	}
	if len(names) > 100 {
		return sel, hookyard.FieldErrorf("type", "type holds %d names, at most 100 are allowed", len(names))
	}
	for _, name := range names {
		if len(name) > 200 || !utf8.ValidString(name) {
			return sel, hookyard.FieldErrorf("type", "a name in type is over 200 bytes or not UTF-8")
		}
	}
	if len(names) > 0 {
		sel.Types = hookyard.Selector{Names: names}
	}
	if len(sel.Source) > 100 || !utf8.ValidString(sel.Source) {
		return sel, hookyard.FieldErrorf("source", "source is over 100 bytes or not UTF-8")
	}
	if sel.Filter != "" {
		return sel, l.o.CheckFilter(sel.Filter)
	}
	return sel, nil
}

// since reads ?since=.
func (l *Listeners) since(r *http.Request, text string, projectKey int64) (Start, time.Time, error) {
	switch {
	case text == "" || text == "now":
		return Start{Now: true}, time.Time{}, nil
	case text == "all":
		return Start{Fresh: true}, time.Time{}, nil
	case strings.HasPrefix(text, "evt_"):
		e, err := l.o.Hub.o.Store.EventMeta(r.Context(), projectKey, hookyard.Clean(text, 100))
		if hookyard.CodeOf(err) == hookyard.NotFound {
			return Start{}, time.Time{}, hookyard.FieldErrorf("since",
				"since names an event that is not in this project, or is past retention")
		}
		if err != nil {
			return Start{}, time.Time{}, err
		}
		return Start{After: e.Seq}, time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		d, err := hookyard.ParseDuration(text)
		if err != nil || d < 0 {
			return Start{}, time.Time{}, hookyard.FieldErrorf("since",
				"since must be now, all, a duration such as 10m, a time such as 2026-01-31T12:00:00Z, or an event's id")
		}
		t = time.Now().Add(-d)
	}
	if t.Year() < 1970 || t.Year() > 9999 {
		return Start{}, time.Time{}, hookyard.FieldErrorf("since", "since is out of range")
	}
	seq, err := l.o.Hub.o.Store.SeqAt(r.Context(), t.Add(-clockSlack))
	return Start{After: seq, Fresh: true}, t, err
}

// clockSlack is by how much the clocks of nodes, and so the order of times and of seqs, may differ.
const clockSlack = time.Minute

// Bounds on a long poll.
const (
	maxWait     = time.Minute
	defaultWait = 30 * time.Second
	maxPoll     = 1000
	defaultPoll = 100
)

// patience reads ?wait= and ?limit= of a long poll.
func patience(q url.Values) (wait time.Duration, limit int, err error) {
	wait, limit = defaultWait, defaultPoll
	if text := q.Get("wait"); text != "" {
		if wait, err = hookyard.ParseDuration(text); err != nil {
			n, err := strconv.ParseUint(text, 10, 16)
			if err != nil {
				return 0, 0, hookyard.FieldErrorf("wait", "wait must be a duration such as 30s")
			}
			wait = time.Duration(n) * time.Second
		}
	}
	if wait < 0 || wait > maxWait {
		return 0, 0, hookyard.FieldErrorf("wait", "wait must be between 0s and %s", "60s")
	}
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPoll {
			return 0, 0, hookyard.FieldErrorf("limit", "limit must be a number between 1 and %d", maxPoll)
		}
	}
	return wait, limit, nil
}
