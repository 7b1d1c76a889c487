package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tmaxmax/go-sse"
)

// StreamQuery selects the events of a stream and where it starts. A zero field does not restrict the result.
type StreamQuery struct {
	Types  []string // names and patterns with *
	Source string
	Filter string // in the syntax of a hook's filter
	After  string // cursor to continue from; has precedence over Since
	Since  string // now (the default), all, an age such as 10m, a time, or the id of an event
}

// StreamEvent is an event on a stream. Base64 always holds the bytes of the body.
type StreamEvent struct {
	Event
	Cursor string          `json:"cursor"` // to continue after this event
	Data   json.RawMessage `json:"data,omitempty"`
	Gap    *StreamGap      `json:"gap,omitempty"` // if not nil, this is a gap and not an event
}

// StreamGap says that events which the listener has not seen were deleted after their retention, or, with Reset, that
// its cursor is ahead of all events, because the server's database was restored from a backup. The stream goes on at
// ResumeAt.
type StreamGap struct {
	Reset            bool      `json:"reset,omitempty"`
	MissingFrom      string    `json:"missingFrom"`
	MissingUntil     string    `json:"missingUntil"`
	MissingUntilTime time.Time `json:"missingUntilTime"`
	ResumeAt         string    `json:"resumeAt"`
	Message          string    `json:"message"`
}

// streamIdle is how long a stream may be silent: the server sends a heartbeat every 15 s.
const streamIdle = 45 * time.Second

// maxStreamEvent bounds one event on a stream: a body of 25 MiB twice, once as base64.
const maxStreamEvent = 128 << 20

// Stream follows the events of a project and calls each for every one, in order. It calls opened, unless that is nil,
// once the server has accepted the request.
//
// When the stream ends, Stream returns the cursor to continue from. The error is that of each, or the cause of ctx, or
// [ErrSilent], or nil if the server ended the stream or the connection broke: after the last two, call Stream again
// with the cursor. An [http.Client] with a Timeout ends the stream after that time.
func (c *Client) Stream(ctx context.Context, project string, q StreamQuery, opened func(),
	each func(StreamEvent) error) (cursor string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := c.send(ctx, http.MethodGet, in(project, "stream")+"?"+q.values().Encode(), nil,
		http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return q.After, err
	}
	defer func() { _ = resp.Body.Close() }()
	if opened != nil {
		opened()
	}
	alive := &watchedReader{resp.Body, time.AfterFunc(c.streamIdle, func() { cancel(ErrSilent) }), c.streamIdle}
	defer alive.timer.Stop()
	cursor = q.After
	for e, err := range sse.Read(alive, &sse.ReadConfig{MaxEventSize: maxStreamEvent}) {
		if err != nil {
			return cursor, streamEnd(ctx)
		}
		if e.Data != "" {
			out := StreamEvent{Cursor: e.LastEventID}
			if err := json.Unmarshal([]byte(e.Data), &out); err != nil {
				return cursor, fmt.Errorf("the stream holds an event that is not as hookyard sends it: %w", err)
			}
			if err := each(out); err != nil {
				return cursor, err
			}
		}
		if e.LastEventID != "" {
			cursor = e.LastEventID
		}
	}
	return cursor, streamEnd(ctx)
}

// ErrSilent ends a stream whose server, or a proxy before it, sent not even a heartbeat for 45 seconds.
var ErrSilent = errors.New("the stream was silent for too long")

// streamEnd returns the cause of ctx, or nil if the connection ended the stream.
func streamEnd(ctx context.Context) error { return context.Cause(ctx) }

func (q *StreamQuery) values() url.Values {
	v := url.Values{}
	addText(v, "type", strings.Join(q.Types, ","), "source", q.Source, "filter", q.Filter, "after", q.After)
	if q.After == "" {
		addText(v, "since", q.Since)
	}
	return v
}

// watchedReader runs its timer during every read, and not while the caller works on what was read.
type watchedReader struct {
	r     io.Reader
	timer *time.Timer
	idle  time.Duration
}

func (w *watchedReader) Read(b []byte) (int, error) {
	w.timer.Reset(w.idle)
	defer w.timer.Stop()
	return w.r.Read(b)
}
