package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Bounds on the work of one search: beyond them it answers with what it found and where to go on.
const (
	searchRows  = 50_000
	searchBytes = 256 << 20 // of bodies that are looked through
	searchTime  = 2 * time.Second
	chunkBytes  = 2 << 20 // of small bodies in memory while they are looked through
)

// Events lists and searches. What an index can narrow is SQL's; patterns, text and values without an index are matched
// here, on the bytes as they came, the same on both databases.
func (db *DB) Events(ctx context.Context, q hookyard.EventQuery) (hookyard.EventPage, error) {
	var page hookyard.EventPage
	s, err := db.newSearch(ctx, &q)
	if err != nil {
		return page, err
	}
	if s.walk != nil {
		if page.TooLarge, err = db.tooLarge(ctx, s.walk); err != nil {
			return page, err
		}
	}
	held := db.hold(ctx)
	defer held.keep()
	started := time.Now()
	looked, at := 0, s.at
	read := int64(0)
	limit := q.Limit + 1
	for {
		found, more, err := s.chunk(ctx, limit)
		if err != nil {
			return page, err
		}
		for _, e := range found {
			if len(page.Events) == q.Limit {
				page.Next = at
				return page, db.fillPage(ctx, &page)
			}
			kept, err := s.look(ctx, held, e)
			if err != nil {
				return page, err
			}
			if kept == noRoom {
				page.Next, page.Cut = at, true
				return page, db.fillPage(ctx, &page)
			}
			at = e.Seq
			read += e.Size
			if kept == wanted {
				page.Events = append(page.Events, e)
			}
		}
		if looked += len(found); !more {
			return page, db.fillPage(ctx, &page)
		}
		if looked >= searchRows || read >= searchBytes || time.Since(started) > searchTime {
			page.Next, page.Cut = s.at, true
			return page, db.fillPage(ctx, &page)
		}
		if limit = min(limit*4, 2000); s.whole {
			limit = min(limit, 200) // bodies: bounded memory
		}
	}
}

// What becomes of an event that a search looks at.
const (
	unwanted = iota
	wanted
	noRoom // for its body beside those that the search holds: look at it again in the next search
)

// look decides whether an event is found. The bodies of those that are, if they are asked for, are in held.
func (s *search) look(ctx context.Context, held *hold, e *hookyard.Event) (int, error) {
	size := e.Size
	switch large := size > hookyard.LargeBody; {
	case !s.whole:
		size = 0
	case large:
		if ok, err := s.db.loadLarge(ctx, held, e); !ok {
			return noRoom, err
		}
	case s.bodies:
		if ok, err := held.take(size); !ok {
			return noRoom, err
		}
	default:
		size = 0 // of the chunk
	}
	found := s.matches(e)
	if found && s.bodies {
		return wanted, nil
	}
	e.Body, e.Header = nil, nil
	if size > 0 {
		held.give(size)
	}
	if found {
		return wanted, nil
	}
	return unwanted, nil
}

// search is an [hookyard.EventQuery] under way.
type search struct {
	db      *DB
	columns string
	whole   bool // columns include the body
	bodies  bool // the bodies are returned
	where   string
	args    params // those of where; without a walk, the first is at
	order   string
	at      int64 // the cursor: what is above it, or below it when ascending, is done
	walk    *walk // through the events to look at; nil: all of the project
	matcher
}

func (db *DB) newSearch(ctx context.Context, q *hookyard.EventQuery) (*search, error) {
	from, to, err := db.seqsBetween(ctx, q.Since, q.Until)
	if err != nil {
		return nil, err
	}
	s := &search{db: db, columns: eventLight, order: "project_key desc, seq desc", at: to + 1}
	s.channel = q.Channel
	s.eventType, s.text = q.Type, bytes.ToLower([]byte(q.Text))
	lookups, err := db.planFields(ctx, q, &s.matcher)
	if err != nil {
		return nil, err
	}
	s.bodies = q.Bodies
	if s.whole = q.Bodies || len(s.text) > 0 || len(s.fields) > 0; s.whole {
		s.columns = eventSmall
	}
	if q.Ascending {
		s.order, s.at = "project_key, seq", max(q.After, from-1)
	} else if q.Before != 0 {
		s.at = min(s.at, q.Before)
	}
	if len(lookups) == 0 {
		conditions := append(db.dialect.eventRange(q, from, to, &s.args), eventWhere(q, &s.args)...)
		s.where = strings.Join(conditions, " and ")
		return s, nil
	}
	conditions := append(eventWhere(q, &s.args), "e.project_key = "+s.args.add(q.ProjectKey))
	for i := range lookups[1:] {
		conditions = append(conditions, lookups[1+i].where(&s.args))
	}
	s.where, s.order = strings.Join(conditions, " and "), "seq desc"
	s.walk, err = db.newWalk(ctx, &lookups[0], from, s.at)
	return s, err
}

// chunk reads the next events, at most limit, and moves the cursor past them. more says that there may be others.
func (s *search) chunk(ctx context.Context, limit int) (out []*hookyard.Event, more bool, err error) {
	where, args := s.where, s.args
	if s.walk == nil {
		args[0] = s.at
	} else {
		seqs, err := s.walk.next(ctx, limit)
		if err != nil || len(seqs) == 0 {
			return nil, false, err
		}
		args = append(params{}, args...)
		where += " and e.seq in (" + args.list(seqs) + ")"
	}
	query := "select " + s.columns + " from events e where " + where + " order by " + s.order +
		fmt.Sprintf(" limit %d", limit)
	var cut bool
	if out, cut, err = s.db.eventChunk(ctx, query, args, s.whole); err != nil {
		return nil, false, err
	}
	if len(out) > 0 {
		s.at = out[len(out)-1].Seq
	}
	switch {
	case s.walk == nil:
		return out, cut || len(out) == limit, nil
	case cut:
		s.walk.before = s.at
	default:
		s.at = s.walk.before
	}
	return out, true, nil
}

// eventChunk reads events, or the first of them when their bodies are many bytes: then it is cut.
func (db *DB) eventChunk(ctx context.Context, query string, args []any, whole bool) (out []*hookyard.Event, cut bool,
	err error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }()
	bytes := 0
	for rows.Next() {
		e, err := db.scanEvent(rows, whole)
		if err != nil {
			return nil, false, err
		}
		out = append(out, e)
		if bytes += len(e.Body); bytes >= chunkBytes {
			return out, true, nil
		}
	}
	return out, false, rows.Err()
}

// params are the arguments of a statement that is put together.
type params []any

// add adds an argument and returns its placeholder.
func (p *params) add(v any) string {
	*p = append(*p, v)
	return fmt.Sprintf("$%d", len(*p))
}

// list adds arguments and returns their placeholders.
func (p *params) list(values []any) string {
	*p = append(*p, values...)
	return placeholdersFrom(len(*p)-len(values)+1, len(values))
}

// eventRange returns the conditions on project and seq, with the first arguments; $1 is the cursor. The end that the
// cursor moves from has no other bound: SQLite would take one of the two, and walk past all between them.
func (d *dialect) eventRange(q *hookyard.EventQuery, from, to int64, args *params) []string {
	cursor, project := args.add(nil), args.add(q.ProjectKey)
	if q.Ascending {
		return []string{d.eventsOf(project, ">", cursor), d.eventsOf(project, "<=", args.add(to))}
	}
	return []string{d.eventsOf(project, "<", cursor), d.eventsOf(project, ">=", args.add(from))}
}

// eventWhere returns the other conditions.
func eventWhere(q *hookyard.EventQuery, args *params) (where []string) {
	arg := args.add
	if q.Source != "" {
		where = append(where, "e.source = "+arg(q.Source))
	}
	if q.Type != "" && !strings.Contains(q.Type, "*") {
		where = append(where, "e.type = "+arg(q.Type))
	}
	if len(q.Types) > 0 {
		names := make([]string, len(q.Types))
		for i, t := range q.Types {
			names[i] = arg(t)
		}
		where = append(where, "e.type in ("+strings.Join(names, ", ")+")")
	}
	if q.NoMeta {
		where = append(where, "e.source <> "+arg(hookyard.SourceMeta))
	}
	if q.ID != "" {
		where = append(where, "e.id = "+arg(q.ID))
	}
	if !q.Since.IsZero() {
		where = append(where, "e.time >= "+arg(micros(q.Since)))
	}
	if !q.Until.IsZero() {
		where = append(where, "e.time < "+arg(micros(q.Until)))
	}
	if q.HookKey != 0 || q.State != "" || q.Tried {
		cond := "exists (select 1 from deliveries d where d.event_seq = e.seq"
		if q.HookKey != 0 {
			cond += " and d.hook_key = " + arg(q.HookKey)
		}
		if q.Tried {
			cond += " and d.attempts > 0"
		}
		if q.State != "" {
			cond += " and " + stateIs(q.State, arg)
		}
		where = append(where, cond+")")
	}
	return where
}

// matcher decides what SQL cannot.
type matcher struct {
	eventType string
	channel   string
	text      []byte // in lower case
	fields    []fieldMatcher
}

func (m *matcher) matches(e *hookyard.Event) bool {
	if m.eventType != "" && !hookyard.MatchGlob(m.eventType, e.Type) {
		return false
	}
	if m.channel != "" && !slices.Contains(e.Channels, m.channel) {
		return false
	}
	if len(m.text) == 0 && len(m.fields) == 0 {
		return true
	}
	doc := e.Document()
	if len(m.text) > 0 && !containsFold(e.Body, m.text) && (sameSlice(doc, e.Body) || !containsFold(doc, m.text)) {
		return false
	}
	for i := range m.fields {
		if !m.fields[i].matches(doc) {
			return false
		}
	}
	return true
}

// sameSlice reports whether a and b are the same bytes in memory.
func sameSlice(a, b []byte) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// containsFold says whether body holds text, which is in lower case, whatever the case of ASCII letters.
func containsFold(body, text []byte) bool {
	if bytes.Contains(body, text) {
		return true
	}
	first, upper := text[0], text[0]
	if first >= 'a' && first <= 'z' {
		upper = first - 32
	}
	for at := 0; at+len(text) <= len(body); at++ {
		if (body[at] == first || body[at] == upper) && bytes.EqualFold(body[at:at+len(text)], text) {
			return true
		}
	}
	return false
}
