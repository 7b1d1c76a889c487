package bin

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/inbound"
	"github.com/hookyard/hookyard/signature"
)

// replay sends a kept request to a URL, through the guard that deliveries go through, and shows what came back.
func (b *Bins) replay(w http.ResponseWriter, r *http.Request) error {
	if err := b.o.MayCreate(r); err != nil {
		return err
	}
	kept, err := b.openRequest(w, r)
	if kept == nil || err != nil {
		return err
	}
	if err := b.slow(w, "create "+inbound.Address(r), createRate, createBurst); err != nil {
		return err
	}
	var in struct {
		URL string `json:"url"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := hookyard.CheckURL(in.URL, b.o.Limits); err != nil {
		return err
	}
	if err := whole(kept); err != nil {
		return err
	}
	resp, err := b.o.Client.Do(r.Context(), &egress.Request{Method: kept.Method, URL: in.URL,
		Header: hookyard.ForwardedHeader(kept.Header), Body: kept.Body, MaxBody: b.o.Limits.ResponseBody})
	var e *egress.Error
	if errors.As(err, &e) && e.Kind == egress.KindBlocked {
		return hookyard.FieldErrorf("url", "%s", e.Message)
	}
	out := struct {
		Status   int                 `json:"status,omitempty"`
		Headers  map[string][]string `json:"headers,omitempty"`
		Body     string              `json:"body,omitempty"`
		Error    string              `json:"error,omitempty"`
		Duration hookyard.Duration   `json:"duration,omitempty"`
	}{}
	if resp != nil {
		out.Status, out.Headers, out.Body, out.Duration = resp.Status, resp.Header, string(resp.Body),
			hookyard.Duration(resp.Duration)
	}
	if err != nil {
		out.Error = err.Error()
	}
	return writeJSON(w, http.StatusOK, out)
}

// whole refuses a request of which only the beginning was kept.
func whole(kept *hookyard.BinRequest) error {
	if kept.Size > int64(len(kept.Body)) {
		return hookyard.Errorf(hookyard.Conflict,
			"only the first %d of the request's %d bytes were kept, so it cannot be used again (setting: --max-bin-body)", len(kept.Body), kept.Size)
	}
	return nil
}

// sourceWish is what to make of a bin.
type sourceWish struct {
	Project string `json:"project"` // owner/name
	Name    string `json:"name"`
	Type    string `json:"type"` // how senders are verified; "" finds out from the request
	Secret  string `json:"secret"`
	Request string `json:"request"` // the kept request to try it on; "" means the newest
}

// sourceMade tells of the new source, and whether it would have taken the request that the bin took.
type sourceMade struct {
	Project  string `json:"project"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	URL      string `json:"url"`
	Request  string `json:"request,omitempty"`
	Verified bool   `json:"verified"`
	Reason   string `json:"reason,omitempty"`
}

// source makes a source for what was sending to the bin.
func (b *Bins) source(w http.ResponseWriter, r *http.Request) error {
	bin, err := b.open(w, r)
	if bin == nil || err != nil {
		return err
	}
	var in sourceWish
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	owner, name, ok := strings.Cut(in.Project, "/")
	if !ok {
		return hookyard.FieldErrorf("project", "project must be owner/name")
	}
	view, err := b.o.MayManage(r, owner, name)
	if err != nil {
		return err
	}
	kept, err := b.sample(r, bin, in.Request)
	if err != nil {
		return err
	}
	if in.Type == "" {
		in.Type = detect(kept)
	}
	s := &hookyard.Source{ProjectKey: view.Project.Key, Project: view.Project.Path(), Name: in.Name, Type: in.Type,
		Active:      true,
		Description: "made from " + bin.Name}
	if in.Secret != "" {
		s.Secrets = []hookyard.Secret{{Value: in.Secret}}
	}
	if err := s.Validate(b.o.Limits); err != nil {
		return err
	}
	verifier, err := signature.New(s.Type, hookyard.Live(s.Secrets, time.Now()), nil)
	if err != nil {
		return hookyard.FieldErrorf("type", "%v", err)
	}
	if view.Sources[s.Name] != nil {
		return hookyard.Errorf(hookyard.Conflict, "project %s has a source %s already", view.Project.Path(), s.Name)
	}
	if _, err := b.o.Store.PutSource(r.Context(), s); err != nil {
		return err
	}
	out := sourceMade{Project: s.Project, Name: s.Name, Type: s.Type,
		URL: b.o.BaseURL + "/in/" + s.Project + "/" + s.Name}
	if kept != nil {
		b.try(verifier, kept, &out)
	}
	return writeJSON(w, http.StatusCreated, out)
}

// sample returns the kept request that a source is tried on, or nil when there is none.
func (b *Bins) sample(r *http.Request, bin *hookyard.Bin, id string) (*hookyard.BinRequest, error) {
	if id != "" {
		kept, err := b.o.Store.BinRequest(r.Context(), bin.Name, hookyard.Clean(id, 100))
		if errors.Is(err, hookyard.ErrNotFound) {
			return nil, hookyard.FieldErrorf("request", "the bin has no such request any more")
		}
		return kept, err
	}
	all, err := b.o.Store.BinRequests(r.Context(), bin.Name)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// try holds a kept request against the new source's verification, as of the time when it came.
func (b *Bins) try(v *signature.Verifier, kept *hookyard.BinRequest, out *sourceMade) {
	out.Request = kept.ID
	if err := whole(kept); err != nil {
		out.Reason = err.Error()
		return
	}
	_, err := v.Verify(&signature.Request{Method: kept.Method, URL: b.o.BaseURL + "/" + kept.Bin + kept.Path,
		Header: kept.Header, Body: kept.Body, Now: kept.Time})
	out.Verified = err == nil
	if err != nil {
		out.Reason = err.Error()
	}
}

// detect guesses who sent a request, by a header that only they send.
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
