package stream

import (
	"net/http"

	"github.com/hookyard/hookyard"
)

// push answers with an endless body of Server-Sent Events or NDJSON, until the client goes, the server stops, or the
// listener may not listen any more.
func (s *session) push(w http.ResponseWriter, format string) error {
	f := ndjson
	if format == "sse" {
		f = sse
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("X-Accel-Buffering", "no") // nginx would gather events until its buffer is full
	// the end of the body is the end of the connection: its last write needs no deadline lifted
	h.Set("Connection", "close")
	w.WriteHeader(http.StatusOK)
	line := s.l.o.Hub.NewLine(w)
	line.Puts(f.hello)
	shown := s.cursor()
	if f.cursor != "" {
		line.Puts(f.cursor + shown + "\n\n")
	}
	if err := line.Flush(); err != nil {
		return gone(err)
	}
	for {
		b, err := s.next(s.r.Context())
		if err != nil {
			s.bye(line, f, err)
			return gone(err)
		}
		if b.Gap != nil {
			// The id is the old one: should the connection break now, the listener is told again. After a reset that
			// would be another one, and what came in between would be missed.
			at := b.Gap.From
			if b.Gap.Reset {
				at = Place{Seq: b.Gap.Until}
			}
			s.put(line, f, cursorOf(s.key, at), appendGap(nil, s.key, b.Gap))
		}
		for _, it := range b.Items {
			s.put(line, f, CursorAt(it.Event), it.JSON())
		}
		if len(b.Items) == 0 && b.Gap == nil {
			line.Puts(f.heartbeat)
		}
		// Where nothing was wanted the cursor moves, too; else a listener of rare events would come back to a gap.
		if now := s.cursor(); f.cursor != "" && now != shown && len(b.Items) == 0 {
			line.Puts(f.cursor + now + "\n\n")
		}
		shown = s.cursor()
		if err := line.Flush(); err != nil {
			return gone(err)
		}
	}
}

// gone drops the error of writing to a client that hung up: it comes back with its cursor.
func gone(error) error { return nil }

// form is how events are framed.
type form struct {
	contentType string
	hello       string
	before      string // of each event, then its cursor
	between     string // cursor and event
	after       string
	cursor      string // tells a new cursor without an event
	heartbeat   string
	stopping    string
	ended       string
}

var (
	sse = form{
		contentType: "text/event-stream; charset=utf-8",
		hello:       "retry: 2000\n\n",
		before:      "id: ", between: "\ndata: ", after: "\n\n",
		cursor:    "id: ", // an event without data: EventSource takes the id and shows nothing
		heartbeat: ": heartbeat\n\n",
		stopping:  ": this server cannot go on, come back\nretry: 1000\n\n",
		ended:     ": the listener may not listen any more\n\n",
	}
	ndjson = form{contentType: "application/x-ndjson; charset=utf-8", after: "\n", heartbeat: "\n"}
)

func (s *session) put(line *Line, f form, cursor string, json []byte) {
	if f.before != "" {
		line.Puts(f.before + cursor + f.between)
	}
	line.Put(json)
	line.Puts(f.after)
}

// bye ends a stream. The client comes back by itself, with its cursor.
func (s *session) bye(line *Line, f form, err error) {
	switch {
	case s.r.Context().Err() != nil:
		return
	case hookyard.CodeOf(err) == hookyard.Unavailable:
		line.Puts(f.stopping)
	case hookyard.CodeOf(err) != "":
		line.Puts(f.ended)
	default:
		s.l.o.Log.Error("a listener's events cannot be read", "project", s.owner+"/"+s.project, "error", err)
	}
	_ = line.Flush() // a client that has gone does not read it
}
