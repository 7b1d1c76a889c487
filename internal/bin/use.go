package bin

import (
	"context"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/signature"
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
			"only the first %d of the request's %d bytes were kept, so it cannot be used again (setting: --max-bin-body)",
			len(kept.Body), kept.Size)
	}
	return nil
}

// Sample returns the stored request that a source made from the bin is tried on: the one named, else the newest, and
// nil when there is none.
func (b *Bins) Sample(ctx context.Context, c Caller, name, id string) (*hookyard.BinRequest, error) {
	bin, err := b.open(ctx, c, name)
	if err != nil {
		return nil, err
	}
	if id != "" {
		kept, err := b.o.Store.BinRequest(ctx, bin.Name, hookyard.Clean(id, 100))
		if errors.Is(err, hookyard.ErrNotFound) {
			return nil, hookyard.FieldErrorf("request", "the bin has no such request any more")
		}
		return kept, err
	}
	all, err := b.o.Store.BinRequests(ctx, bin.Name)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// Try verifies a stored request as a source would have when it came. The error says why the source would have refused
// it.
func (b *Bins) Try(s *hookyard.Source, kept *hookyard.BinRequest) error {
	if err := whole(kept); err != nil {
		return err
	}
	v, err := signature.New(s.Type, hookyard.Live(s.Secrets, time.Now()), nil)
	if err != nil {
		return err
	}
	_, err = v.Verify(&signature.Request{Method: kept.Method, URL: b.o.BaseURL + "/" + kept.Bin + kept.Path,
		Header: kept.Header, Body: kept.Body, Now: kept.Time})
	return err
}

// Detect guesses the type of a source for the sender of a request, by a header that only they send.
func Detect(kept *hookyard.BinRequest) string {
	if kept == nil {
		return "none"
	}
	for _, known := range [][2]string{
		// Gitea sends GitHub's, too
		{"X-Gitea-Event", "gitea"}, {"X-Gogs-Event", "gogs"}, {"X-Gitlab-Event", "gitlab"},
		{"X-Github-Event", "github"},
		{"X-Event-Key", "bitbucket"}, {"Stripe-Signature", "stripe"}, {"X-Shopify-Hmac-Sha256", "shopify"},
		{"X-Slack-Signature", "slack"},
		{"X-Twilio-Signature", "twilio"}, {"Linear-Signature", "linear"}, {"X-Signature-Ed25519", "discord"},
		{"Webhook-Signature", "standard-webhooks"},
	} {
		if kept.Header.Get(known[0]) != "" {
			return known[1]
		}
	}
	return "none"
}
