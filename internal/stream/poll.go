package stream

import (
	"errors"
	"net/http"
	"strconv"
)

// Poll serves GET …/poll: {"events":[…],"cursor":"…"}, as soon as there is an event, or without one when ?wait= is over
// or the server stops. A "gap" stands before the events when something is missing.
func (l *Listeners) Poll(w http.ResponseWriter, r *http.Request, owner, project string) error {
	if done, err := open(w, r); done || err != nil {
		return err
	}
	wait, limit, err := patience(r.URL.Query())
	if err != nil {
		return err
	}
	s, err := l.begin(w, r, owner, project)
	if err != nil {
		return err
	}
	defer s.end()
	line := s.l.o.Hub.NewLine(w)
	defer line.Done()
	b, err := s.reader.Next(r.Context(), limit, wait)
	if r.Context().Err() != nil {
		return nil // the client has gone
	}
	if err != nil && !errors.Is(err, ErrStopping) {
		return err
	}
	s.answer(w, line, b)
	return nil
}

func (s *session) answer(w http.ResponseWriter, line *Line, b Batch) {
	head := []byte("{")
	if b.Gap != nil {
		head = appendGap(head[:0], s.key, b.Gap)
		head[len(head)-1] = ',' // in place of the bracket that ends the notice
	}
	head = append(head, `"events":[`...)
	cursor := b.cursor(s.key)
	tail := []byte(`],"cursor":"` + cursor + "\"}\n")
	size := len(head) + len(tail) + max(0, len(b.Items)-1)
	for _, it := range b.Items {
		size += len(it.JSON())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(size))
	h.Set(CursorHeader, cursor)
	line.Put(head)
	for i, it := range b.Items {
		if i > 0 {
			line.Puts(",")
		}
		line.Put(it.JSON())
	}
	line.Put(tail)
	_ = line.Flush() // a client that has gone comes back with its old cursor
}
