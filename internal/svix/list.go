package svix

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard/internal/control"
)

const (
	maxPage     = 250
	defaultPage = 50
)

// page is the part of a list that is asked for.
type page struct {
	limit    int
	iterator string // id; "" is the beginning of the list
	backward bool   // the entries before the iterator
}

// listed is a page of a list.
type listed[T any] struct {
	Data         []T     `json:"data"`
	Iterator     *string `json:"iterator"`
	PrevIterator *string `json:"prevIterator,omitempty"`
	Done         bool    `json:"done"`
}

// pageOf returns the page of entries that were read in the direction that was asked for, one more than the limit if
// there are more. id returns the iterator of an entry.
func pageOf[T any](p page, entries []T, id func(T) string) listed[T] {
	out := listed[T]{Data: entries, Done: len(entries) <= p.limit}
	if !out.Done {
		out.Data = entries[:p.limit]
	}
	if p.backward {
		slices.Reverse(out.Data)
	}
	if len(out.Data) == 0 {
		out.Data = []T{}
		return out
	}
	last, first := id(out.Data[len(out.Data)-1]), "-"+id(out.Data[0])
	out.Iterator, out.PrevIterator = &last, &first
	return out
}

// page reads limit and iterator.
func (c *call) page(q url.Values) (p page, err error) {
	p.limit = defaultPage
	if s := q.Get("limit"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return p, badRequest("limit must be a number")
		}
		if n == 0 || n > maxPage {
			c.faults.addQuery("limit must be between 1 and 250", "limit", "limit")
		}
		p.limit = int(n)
	}
	p.iterator = q.Get("iterator")
	p.iterator, p.backward = strings.CutPrefix(p.iterator, "-")
	return p, c.faults.err()
}

// foreign refuses an iterator that is none of this list.
func (c *call) foreign() error {
	c.faults.addQuery("is not an iterator of this list", "iterator")
	return c.faults.err()
}

// order reports whether the list is asked for in descending order. byDefault is the order of the list otherwise.
func order(q url.Values, byDefault bool) (descending bool, err error) {
	switch q.Get("order") {
	case "":
		return byDefault, nil
	case "ascending":
		return false, nil
	case "descending":
		return true, nil
	}
	return false, badRequest("order must be ascending or descending")
}

// selection is what restricts a list of messages or attempts.
type selection struct {
	types         []string
	channel       string
	before, after time.Time
	content       bool
}

// selection reads what lists of messages and attempts have in common.
func (c *call) selection(q url.Values) (s selection, err error) {
	s.channel, s.types = q.Get("channel"), eventTypes(q)
	if s.channel != "" && !isName(s.channel, channelChars) {
		return s, badRequest("channel is malformed")
	}
	if s.before, err = queryTime(q, "before"); err != nil {
		return s, err
	}
	if s.after, err = queryTime(q, "after"); err != nil {
		return s, err
	}
	s.content, err = queryBool(q, "with_content", true)
	return s, err
}

// eventTypes reads event_types=a,b, event_types[]=a and event_types[0]=a.
func eventTypes(q url.Values) (out []string) {
	var names []string
	for name := range q {
		if name == "event_types" || strings.HasPrefix(name, "event_types[") && strings.HasSuffix(name, "]") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range q[name] {
			for t := range strings.SplitSeq(v, ",") {
				if t != "" && len(out) < 1000 {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

func queryTime(q url.Values, name string) (time.Time, error) {
	s := q.Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1)) // a + of an offset that was not escaped
	if err != nil || !control.Storable(t) {
		return time.Time{}, badRequest(name + " must be a time such as 2026-01-31T12:00:00Z")
	}
	return t.UTC(), nil
}

func queryBool(q url.Values, name string, byDefault bool) (bool, error) {
	switch q.Get(name) {
	case "":
		return byDefault, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badRequest(name + " must be true or false")
}

// query returns the parameters of the query.
func (c *call) query() (url.Values, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query cannot be read")
	}
	for name, values := range q {
		for _, v := range append(values, name) {
			if strings.ContainsRune(v, 0) || strings.ToValidUTF8(v, "") != v {
				return nil, badRequest("The query holds NUL or is not UTF-8")
			}
		}
	}
	return q, nil
}
