package stream

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/hookyard/hookyard"
)

// webSocket sends each event as a text message, and pings as heartbeats. The client has nothing to say: a message from
// it ends the connection.
func (s *session) webSocket(w http.ResponseWriter) error {
	conn, err := websocket.Accept(w, s.r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any origin may listen: cookies of a foreign one were not counted, see begin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	ctx := conn.CloseRead(s.r.Context())
	for {
		b, err := s.next(ctx)
		if err != nil {
			s.byeWebSocket(ctx, conn, err)
			return nil
		}
		if b.Gap != nil && send(ctx, conn, appendGap(nil, s.key, b.Gap)) != nil {
			return nil
		}
		for _, it := range b.Items {
			if send(ctx, conn, it.JSON()) != nil {
				return nil
			}
		}
		if len(b.Items) == 0 && b.Gap == nil && ping(ctx, conn) != nil {
			return nil
		}
	}
}

func send(ctx context.Context, conn *websocket.Conn, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, message)
}

// ping fails when the client does not answer: it is gone, though its connection does not know.
func ping(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return conn.Ping(ctx)
}

func (s *session) byeWebSocket(ctx context.Context, conn *websocket.Conn, err error) {
	switch {
	case ctx.Err() != nil:
	case hookyard.CodeOf(err) == hookyard.Unavailable:
		_ = conn.Close(websocket.StatusGoingAway, "this server cannot go on, come back with ?after=")
	case hookyard.CodeOf(err) != "":
		_ = conn.Close(websocket.StatusPolicyViolation, "the listener may not listen any more")
	default:
		s.l.o.Log.Error("a listener's events cannot be read", "project", s.owner+"/"+s.project, "error", err)
		_ = conn.Close(websocket.StatusInternalError, "events cannot be read at the moment, come back with ?after=")
	}
}
