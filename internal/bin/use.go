package bin

import (
	"context"
	"errors"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/egress"
)

// Replay sends a stored request to a URL, through the guard that deliveries go through, and returns what came back. It
// fails with Conflict when only a part of the request was stored.
func (b *Bins) Replay(ctx context.Context, c Caller, name, id, rawURL string) (client.BinReplay, error) {
	var out client.BinReplay
	kept, err := b.request(ctx, c, name, id)
	if err != nil {
		return out, err
	}
	if err := b.slow("create "+c.Remote, createRate, createBurst); err != nil {
		return out, err
	}
	if err := hookyard.CheckURL(rawURL, b.o.Limits); err != nil {
		return out, err
	}
	if err := whole(kept); err != nil {
		return out, err
	}
	resp, err := b.o.Client.Do(ctx, &egress.Request{Method: kept.Method, URL: rawURL,
		Header: hookyard.ForwardedHeader(kept.Header), Body: kept.Body, MaxBody: b.o.Limits.ResponseBody})
	var e *egress.Error
	if errors.As(err, &e) && e.Kind == egress.KindBlocked {
		return out, hookyard.FieldErrorf("url", "%s", e.Message)
	}
	if resp != nil {
		out = client.BinReplay{Status: resp.Status, Headers: resp.Header, Body: string(resp.Body),
			Duration: hookyard.Duration(resp.Duration)}
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out, nil
}

// whole refuses a request of which only the beginning was kept.
func whole(kept *hookyard.BinRequest) error {
	if kept.Size > int64(len(kept.Body)) {
		return hookyard.Errorf(hookyard.Conflict,
			"only the first %d of the request's %d bytes were kept, so it cannot be used again "+
				"(setting: --max-bin-body)", len(kept.Body), kept.Size)
	}
	return nil
}
