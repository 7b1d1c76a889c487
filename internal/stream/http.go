package stream

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// Options are what [Listeners] are made of.
type Options struct {
	Hub  *Hub
	Gate *Gate
	Log  *slog.Logger
	// Authorize returns the project if the sender of r may read it, and when its credential expires; zero is never. It
	// must look at r itself each time: a request from another origin is asked about without its cookies, and a listener
	// that stays is asked about again, see [Guard].
	Authorize func(r *http.Request, owner, project string) (p *hookyard.Snapshot, until time.Time, err error)
	// Ensure creates a project on its first use, before Authorize; nil, as without --dev: there must be one.
	Ensure func(ctx context.Context, owner, project string) (*hookyard.Snapshot, error)
	// CheckFilter refuses a filter that cannot work.
	CheckFilter func(text string) error
	Heartbeat   time.Duration // 0 means 15 s
}

// Listeners serves …/poll and …/stream. Its methods return what went wrong before anything was answered; the caller
// writes it. Safe for concurrent use.
type Listeners struct{ o Options }

// New makes Listeners.
func New(o Options) *Listeners {
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	return &Listeners{o: o}
}

const (
	// writeTime is how long a listener may take to take what is written to it, before it is taken to be gone.
	writeTime = 30 * time.Second
	// CursorHeader names the place from which a listener goes on, in answers and in requests.
	CursorHeader = "X-Hookyard-Cursor"
)

// Stream serves GET …/stream: WebSocket when the request asks to upgrade, else as ?format= or Accept say: Server-Sent
// Events (text/event-stream), or NDJSON.
func (l *Listeners) Stream(w http.ResponseWriter, r *http.Request, owner, project string) error {
	if done, err := open(w, r); done || err != nil {
		return err
	}
	how, err := format(r)
	if err != nil {
		return err
	}
	s, err := l.begin(w, r, owner, project)
	if err != nil {
		return err
	}
	defer s.end()
	if how == "websocket" {
		return s.webSocket(w)
	}
	return s.push(w, how)
}

// format says in which form a request wants the stream.
func format(r *http.Request) (string, error) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return "websocket", nil
	}
	switch f := r.URL.Query().Get("format"); f {
	case "sse", "ndjson":
		return f, nil
	case "":
	default:
		return "", hookyard.FieldErrorf("format", "format must be sse or ndjson; for WebSocket ask to upgrade")
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return "sse", nil
	}
	return "ndjson", nil
}

// open sets what every answer to a listener has, and settles preflights and wrong methods. Any page may listen, but a
// page of another origin does so without the cookies of ours: it needs a token.
func open(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", CursorHeader+", Retry-After")
	switch r.Method {
	case http.MethodGet:
		return false, nil
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Authorization, Cache-Control, Last-Event-ID, "+CursorHeader)
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return true, nil
	}
	h.Set("Allow", "GET, OPTIONS")
	return false, hookyard.Errorf(hookyard.Invalid, "listeners use GET; events are published with POST …/events")
}

// WithoutForeignCookies returns r without its cookies when a page of another origin made it.
func WithoutForeignCookies(r *http.Request) *http.Request {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Header.Get("Cookie") == "" {
		return r
	}
	if u, err := url.Parse(origin); err == nil && u.Host == r.Host {
		return r
	}
	bare := r.WithContext(r.Context())
	bare.Header = r.Header.Clone()
	bare.Header.Del("Cookie")
	return bare
}

// session is a listener's request.
type session struct {
	l              *Listeners
	r              *http.Request
	owner, project string
	key            int64
	reader         *Reader
	leave          func()
}

// begin lets a listener in.
func (l *Listeners) begin(w http.ResponseWriter, r *http.Request, owner, project string) (*session, error) {
	r = WithoutForeignCookies(r)
	if l.o.Ensure != nil {
		if _, err := l.o.Ensure(r.Context(), owner, project); err != nil {
			return nil, err
		}
	}
	snapshot, until, err := l.o.Authorize(r, owner, project)
	if err != nil {
		return nil, err
	}
	start, sel, err := l.start(r, snapshot.Project.Key)
	if err != nil {
		return nil, err
	}
	leave, err := l.o.Gate.Enter(r, snapshot)
	if err != nil {
		return nil, err
	}
	reader, err := l.o.Hub.Follow(r.Context(), snapshot.Project.Key, start, sel)
	if err != nil {
		leave()
		return nil, err
	}
	reader.Guard(until, func() (time.Time, error) {
		now, until, err := l.o.Authorize(r, owner, project)
		if err == nil && now.Project.Key != snapshot.Project.Key {
			err = hookyard.ErrNotFound // another project of the same name
		}
		return until, err
	})
	w.Header().Set(CursorHeader, Cursor(snapshot.Project.Key, reader.Cursor()))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return &session{l: l, r: r, owner: owner, project: project, key: snapshot.Project.Key, reader: reader,
		leave: leave}, nil
}

func (s *session) end() {
	s.reader.Close()
	s.leave()
}

func (s *session) cursor() string { return Cursor(s.key, s.reader.Cursor()) }

func (s *session) next(ctx context.Context) (Batch, error) {
	return s.reader.Next(ctx, batchItems, s.l.o.Heartbeat)
}

// batchItems is how many events a listener takes at a time.
const batchItems = 100

// Line writes to a listener: with a deadline, and at once.
type Line struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	buffers *sync.Pool
	buf     []byte // nil while nothing is gathered: an idle listener holds no buffer
	fail    error
}

// lineBuffer is how many bytes are gathered before they are written.
const lineBuffer = 16 << 10

// NewLine prepares an answer that stays open longer than requests may: it lifts the server's deadline for reading,
// which net/http would otherwise take for the end of the client.
func (h *Hub) NewLine(w http.ResponseWriter) *Line {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // not supported by test recorders
	return &Line{w: w, rc: rc, buffers: &h.buffers}
}

// Put gathers what is to be written; large pieces go out as they are.
func (l *Line) Put(pieces ...[]byte) {
	for _, p := range pieces {
		if len(l.buf)+len(p) > lineBuffer {
			l.send()
		}
		if len(p) > lineBuffer {
			l.write(p)
			continue
		}
		if l.buf == nil {
			l.buf = l.takeBuffer()
		}
		l.buf = append(l.buf, p...)
	}
}

func (l *Line) takeBuffer() []byte {
	if b, ok := l.buffers.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, lineBuffer)
}

// Puts is Put for text.
func (l *Line) Puts(text string) { l.Put([]byte(text)) }

func (l *Line) send() {
	if len(l.buf) > 0 {
		l.write(l.buf)
		l.buf = l.buf[:0]
	}
}

func (l *Line) write(p []byte) {
	if l.fail != nil {
		return
	}
	_ = l.rc.SetWriteDeadline(time.Now().Add(writeTime))
	_, l.fail = l.w.Write(p)
}

// Flush sends everything to the client. It returns the first error; the client is then gone.
func (l *Line) Flush() error {
	l.send()
	if l.buf != nil {
		buf := l.buf[:0]
		l.buffers.Put(&buf)
		l.buf = nil
	}
	if l.fail == nil {
		_ = l.rc.SetWriteDeadline(time.Now().Add(writeTime))
		l.fail = l.rc.Flush()
	}
	return l.fail
}

// Done makes the connection fit for its next request.
func (l *Line) Done() { _ = l.rc.SetWriteDeadline(time.Time{}) }
