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

// StreamQuery says what a listener wants and where it begins. Zero fields do not restrict.
type StreamQuery struct {
	Types  []string // names and patterns with *
	Source string
	Filter string // as hooks have it
	After  string // cursor to go on from; it wins over Since
	Since  string // now (the default), all, an age such as 10m, a time, or an event's id
}

// StreamEvent is an event as listeners get it. Base64 always holds the body's very bytes.
type StreamEvent struct {
	Event
	Cursor string          `json:"cursor"` // to go on from
	Data   json.RawMessage `json:"data,omitempty"`
	Gap    *StreamGap      `json:"gap,omitempty"` // not nil: there is no event here, but a gap
}

// StreamGap says that events which a listener had not seen are past retention.
type StreamGap struct {
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

// Stream follows a project's events and calls each for every one, in order. It returns the cursor to go on from when
// the stream ends: with each's error, the context's, or nil when the server ended it or the connection broke, which is
// the time to come back. opened is called once the server has agreed, and may be nil. A client with an overall timeout
// cannot stream for longer than that.
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
	alive := &watchedReader{r: resp.Body, timer: time.AfterFunc(streamIdle, func() { cancel(errSilent) })}
	defer alive.timer.Stop()
	cursor = q.After
	for e, err := range sse.Read(alive, &sse.ReadConfig{MaxEventSize: maxStreamEvent}) {
		if err != nil {
			return cursor, streamEnd(ctx)
		}
		if e.Data != "" {
			out := StreamEvent{Cursor: e.LastEventID}
			if err := json.Unmarshal([]byte(e.Data), &out); err != nil {
				return cursor, fmt.Errorf("the stream holds what hookyard does not send: %w", err)
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

var errSilent = errors.New("the stream was silent")

// streamEnd tells the caller's end of a stream from the connection's.
func streamEnd(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errSilent) {
		return err
	}
	return nil
}

func (q *StreamQuery) values() url.Values {
	v := url.Values{}
	addText(v, "type", strings.Join(q.Types, ","), "source", q.Source, "filter", q.Filter, "after", q.After)
	if q.After == "" {
		addText(v, "since", q.Since)
	}
	return v
}

// watchedReader puts its timer off with everything that is read.
type watchedReader struct {
	r     io.Reader
	timer *time.Timer
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.timer.Reset(streamIdle)
	return n, err
}
