package cli

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// signer signs what is sent from this machine: published events as a hook would, with a secret of this machine's, and,
// if wanted, received ones as their provider would, which the server does.
type signer struct {
	client  *client.Client
	project string
	secret  string // for published events
	resign  bool   // sign received events anew
}

// sign adds the headers. Received events keep the signature that they came with, unless resign is set; those that came
// without one stay unsigned.
func (g *signer) sign(ctx context.Context, r *request) error {
	if r.received {
		if !g.resign || !r.verified {
			return nil
		}
		header, err := g.client.SignEvent(ctx, g.project, r.eventID, r.url)
		if err != nil {
			return err
		}
		for name, values := range header {
			r.header[http.CanonicalHeaderKey(name)] = values
		}
		return nil
	}
	now := time.Now()
	signed, err := signature.SignStandard([]string{g.secret}, r.eventID, now, r.body)
	if err != nil {
		return err
	}
	r.header.Set(signature.HeaderID, r.eventID)
	r.header.Set(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.header.Set(signature.HeaderSignature, signed)
	return nil
}

// newSigner returns the signer of a project, whose secret is kept in a file, and tells the user the secret.
func (s *session) newSigner(cl *client.Client, project string, resign bool) *signer {
	secret, err := s.signingSecret(project)
	if err != nil {
		s.say("the secret cannot be kept and is another one next time: %s", rootOf(err))
	}
	s.say("published events are signed with %s", secret)
	return &signer{client: cl, project: project, secret: secret, resign: resign}
}

// signingSecret returns the secret with which this machine signs the published events of a project. It is made at the
// first use. If it cannot be kept, there is an error beside it.
func (s *session) signingSecret(project string) (string, error) {
	file := filepath.Join(filepath.Dir(s.tokenFile()), "signing", url.PathEscape(s.server), url.PathEscape(project))
	b, err := os.ReadFile(file)
	if secret := strings.TrimSpace(string(b)); err == nil && signature.CheckSecret(secret) == nil {
		return secret, nil
	}
	secret := signature.NewSecret()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return secret, err
	}
	return secret, os.WriteFile(file, []byte(secret+"\n"), 0o600)
}
