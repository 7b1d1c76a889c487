package bin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// Project is the project that a source is created in, in the hands of the caller: a *control.Project.
type Project interface {
	Path() string
	// CreateSource creates a source. It fails with Conflict when there is one of that name.
	CreateSource(ctx context.Context, s *hookyard.Source) error
}

// SourceSpec says which source to create from a bin.
type SourceSpec struct {
	Bin     string // name
	Project Project
	Source  client.BinSourceRequest
}

// Source creates a source in a project for the sender of a bin's requests, and says whether it would have accepted the
// request that the spec names, or else the newest. It fails with Conflict when the project has a source of that name.
func (b *Bins) Source(ctx context.Context, c Caller, spec SourceSpec) (client.BinSource, error) {
	in, p := spec.Source, spec.Project
	kept, err := b.sample(ctx, c, spec.Bin, in.Request)
	if err != nil {
		return client.BinSource{}, err
	}
	if in.Type == "" {
		in.Type = detect(kept)
	}
	s := &hookyard.Source{Name: in.Name, Type: in.Type, Description: "made from " + spec.Bin}
	if in.Secret != "" {
		s.Secrets = []hookyard.Secret{{Value: in.Secret}}
	}
	if err := p.CreateSource(ctx, s); err != nil {
		return client.BinSource{}, err
	}
	out := client.BinSource{Project: p.Path(), Name: s.Name, Type: s.Type,
		URL: b.o.BaseURL + "/in/" + p.Path() + "/" + s.Name}
	if kept == nil {
		return out, nil
	}
	out.Request = kept.ID
	err = b.try(s, kept)
	out.Verified = err == nil
	if err != nil {
		out.Reason = err.Error()
	}
	return out, nil
}

// Cookie returns the cookie that keeps the key of a bin in the browser that created it.
func (b *Bins) Cookie(created client.Bin) *http.Cookie {
	return &http.Cookie{
		Name: CookiePrefix + created.Name, Value: created.Key, Path: "/", MaxAge: int(b.o.Life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(b.o.BaseURL, "https:"),
	}
}

// sample returns the stored request that a source made from the bin is tried on: the one named, else the newest, and
// nil when there is none.
func (b *Bins) sample(ctx context.Context, c Caller, name, id string) (*hookyard.BinRequest, error) {
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

// try verifies a stored request as a source would have when it came. The error says why the source would have refused
// it.
func (b *Bins) try(s *hookyard.Source, kept *hookyard.BinRequest) error {
	if err := whole(kept); err != nil {
		return err
	}
	v, err := signature.New(s.Type, hookyard.Live(s.Secrets, time.Now()), nil)
	if err != nil {
		return err
	}
	e := b.asEvent(kept)
	_, err = v.Verify(&signature.Request{Method: kept.Method, URL: b.o.BaseURL + "/" + kept.Bin + kept.Path,
		Header: kept.Header, Body: e.Plain(), Sent: e.Sent(), Now: kept.Time})
	return err
}

// detect guesses the type of a source for the sender of a request, by a header that only they send.
func detect(kept *hookyard.BinRequest) string {
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
