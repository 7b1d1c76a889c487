package relay

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/stream"
)

// poll is one GET …/register.
type poll struct {
	rl      *Relay
	w       http.ResponseWriter
	r       *http.Request
	key     int64
	project *hookyard.Project
	session *session // nil when the client has a cursor, or once it was given back
	at      int64    // up to here the client has everything; -1: it begins with now
	reader  *stream.Reader
	line    *stream.Line
	cursor  bool // the client has, or wants, a cursor
	begun   bool // the header is out, with a heartbeat or the answer
}

// register holds a poll open until the next event of the project that the header repositoryname names, and answers with
// its bytes. The old client comes again for the next. It never comes again after anything but JSON, so a poll without
// an event, and one that is open when the server stops, end with 200 and null.
//
// A client that gives a cursor, in the header X-Hookyard-Cursor or as ?cursor=, gets the next one with each answer; an
// empty one begins with now. All others are recognised (see pollSessions).
func (rl *Relay) register(w http.ResponseWriter, r *http.Request) error {
	owner, name, err := split(r.Header.Get("repositoryname"), rl.o.Limits)
	if err != nil {
		return err
	}
	snapshot, err := rl.mayRegister(r, owner, name)
	switch code := hookyard.CodeOf(err); {
	case code == hookyard.NotFound, code == hookyard.Unauthenticated, code == hookyard.Forbidden:
		return rl.holdRefusal(w, r, err)
	case err != nil:
		return err
	}
	leave, err := rl.o.Gate.Enter(r, snapshot)
	if err != nil {
		return err
	}
	defer leave()
	p := &poll{rl: rl, w: w, r: r, key: snapshot.Project.Key, project: snapshot.Project, at: -1,
		line: rl.o.Hub.NewLine(w)}
	defer p.line.Done()
	start, err := p.start()
	if err != nil {
		return err
	}
	if !p.cursor {
		p.session = rl.sessions.take(r, p.key, time.Now())
		if p.at = p.session.cursor; p.at >= 0 {
			start = stream.Start{After: p.at, Fresh: true}
		}
	}
	if err := p.hold(start); err != nil && !p.begun && r.Context().Err() == nil {
		return err
	}
	return nil
}

// HeaderRefused holds the reason why a poll of the old client was not allowed to listen.
const HeaderRefused = "X-Hookyard-Refused"

// holdRefusal answers a poll that may not listen. The old client polls again at once after any error, thousands of
// times a second, so it gets the same as after a poll without an event, and as late. A client with a cursor gets the
// error.
func (rl *Relay) holdRefusal(w http.ResponseWriter, r *http.Request, refused error) error {
	if len(r.Header.Values(stream.CursorHeader)) > 0 || r.URL.Query().Has("cursor") {
		return refused
	}
	leave, err := rl.o.Gate.Enter(r, nil)
	if err != nil {
		return err
	}
	defer leave()
	held := time.NewTimer(rl.o.Hold)
	defer held.Stop()
	select {
	case <-r.Context().Done():
		return nil
	case <-held.C:
	case <-rl.o.Hub.Stopping():
	}
	w.Header().Set(HeaderRefused, hookyard.CleanLine(refused.Error(), 500))
	w.Header()["Content-Type"] = nil
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(null) // an error is a client that has gone
	return nil
}

// hold answers the poll, sooner or later.
func (p *poll) hold(start stream.Start) (err error) {
	defer p.leave()
	// A client that hangs up here has still polled: its session must get a position, or it begins with what comes after
	// its return.
	p.reader, err = p.rl.o.Hub.Follow(context.WithoutCancel(p.r.Context()), p.key, start,
		stream.Selection{Types: hookyard.SelectAll()})
	if errors.Is(err, stream.ErrStopping) {
		return p.answer(null, p.at)
	}
	if err != nil {
		return err
	}
	defer p.reader.Close()
	if p.rl.mode(p.project) != hookyard.RelayOpen {
		p.rl.guard(p.reader, p.r, p.project)
	}
	p.at = p.reader.Cursor()
	return p.wait()
}

// leave gives the session back; the client has everything up to p.at.
func (p *poll) leave() {
	if p.session != nil {
		p.rl.sessions.leave(p.session, p.at, time.Now())
		p.session = nil
	}
}

func (p *poll) start() (stream.Start, error) {
	given, has := p.r.Header.Get(stream.CursorHeader), len(p.r.Header.Values(stream.CursorHeader)) > 0
	if q := p.r.URL.Query(); q.Has("cursor") {
		given, has = q.Get("cursor"), true
	}
	p.cursor = has
	if given == "" {
		return stream.Start{Now: true}, nil
	}
	at, err := stream.ParseCursor(given, p.key)
	return stream.Start{After: at.Seq, Mark: at.Mark}, err
}

// mayRegister returns the project when the client may hear of its events.
func (rl *Relay) mayRegister(r *http.Request, owner, name string) (*hookyard.Snapshot, error) {
	snapshot, err := rl.find(r.Context(), owner, name)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return nil, rl.off(r, owner, name)
	}
	if err != nil {
		return nil, err
	}
	switch rl.mode(snapshot.Project) {
	case hookyard.RelayOpen:
		return snapshot, nil
	case hookyard.RelayToken, hookyard.RelaySigned: // a signature is for senders; who listens must be let read
		return snapshot, rl.mayRead(r, owner, name)
	}
	return nil, rl.off(r, owner, name)
}

// null ends a poll without an event: the old client takes it and polls again, and nothing else.
var null = []byte("null\n")

// wait waits for an event. p.at follows: up to there the client has everything.
func (p *poll) wait() error {
	end := time.Now().Add(p.rl.o.Hold)
	for {
		b, err := p.reader.Next(p.r.Context(), 1, max(0, min(time.Until(end), p.rl.o.Beat)))
		switch {
		case p.r.Context().Err() != nil:
			return p.r.Context().Err() // the client has gone, and has not seen what Next may have found
		case errors.Is(err, stream.ErrStopping):
			return p.answer(null, p.at)
		case err != nil && !p.begun:
			return err
		case hookyard.CodeOf(err) != "": // may not listen any more
			return p.answer(null, p.at)
		case err != nil:
			p.rl.o.Log.Error("a relay's events cannot be read", "project", p.key, "error", err)
			return p.answer(null, p.at)
		}
		for _, it := range b.Items {
			if o := object(it.Event); o != nil {
				return p.answer(o, b.Cursor)
			}
		}
		p.at = b.Cursor
		if time.Until(end) <= 0 || b.Gap != nil && b.Gap.Reset { // the client needs its new cursor
			return p.answer(null, p.at)
		}
		if len(b.Items) > 0 || b.Gap != nil {
			continue // there was something, though not for this client
		}
		if err := p.beat(); err != nil {
			return err
		}
	}
}

// answer ends the poll. Like lively4's server it sends no Content-Type. The session is released first: the client may
// poll again, on another connection, before Flush returns.
func (p *poll) answer(body []byte, cursor int64) error {
	if !p.begun {
		p.header(cursor)
		p.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		p.begun = true
	}
	before, left := p.at, p.session
	p.at = cursor
	p.leave()
	p.line.Put(body)
	err := p.line.Flush()
	if err != nil && left != nil {
		p.rl.sessions.putBack(left, before)
	}
	return err
}

func (p *poll) header(cursor int64) {
	h := p.w.Header()
	h["Content-Type"] = nil
	h.Set("Cache-Control", "no-store")
	if p.cursor && cursor >= 0 {
		h.Set(stream.CursorHeader, stream.Cursor(p.key, cursor))
	}
}

// beat sends a line break, which JSON may begin with, so that proxies do not take the poll for dead. It sends the
// header with it; a client with a cursor wants the header last, so it gets no heartbeats.
func (p *poll) beat() error {
	if p.cursor {
		return nil
	}
	if !p.begun {
		p.header(0)
		p.w.Header().Set("X-Accel-Buffering", "no")
		p.begun = true
	}
	p.line.Puts("\n")
	return p.line.Flush()
}

// object returns the JSON object that an event is: its bytes as they came, or those in its form. It is nil for events
// that are none: this relay's clients do not take them.
func object(e *hookyard.Event) []byte {
	data := e.Payload()
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) == 0 || first[0] != '{' || !utf8.Valid(data) ||
		!gjson.ValidBytes(data) {
		return nil
	}
	return data
}
