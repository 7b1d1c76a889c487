package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// webhooks are the hooks of one project in hookyard. The guestbook does not store them itself.
type webhooks struct {
	client  *client.Client
	project string
	server  string // hookyard's URL
}

// webhook is a hook on the page.
type webhook struct {
	ID, URL string
	Page    string // URL of hookyard's page with every delivery and response
	Active  bool
	Why     string // why it is not active
}

// bare is the template for the body of the webhooks: only the comment, however it reached hookyard.
const bare = `{{json .Data}}`

// list returns the hooks, ordered by id.
func (w *webhooks) list(ctx context.Context) ([]webhook, error) {
	hooks, err := w.client.Hooks(ctx, w.project)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, nil // the project has not been created yet
	}
	if err != nil {
		return nil, err
	}
	var all []webhook
	for _, id := range slices.Sorted(maps.Keys(hooks)) {
		h := hooks[id]
		all = append(all, webhook{ID: id, URL: h.URL, Active: h.Active, Why: h.OffReason,
			Page: w.server + "/" + w.project + "/webhooks/" + url.PathEscape(id)})
	}
	return all, nil
}

// add creates a hook for new comments and returns its signing secret, which cannot be read again. Hookyard checks the
// URL, and rejects private addresses unless its operator allows them.
func (w *webhooks) add(ctx context.Context, target string) (secret string, err error) {
	if u, err := url.Parse(target); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", hookyard.FieldErrorf("url", "%q is not a URL that begins with http:// or https://", target)
	}
	secret = newSecret()
	return secret, w.put(ctx, "guestbook-"+strings.ToLower(rand.Text()[:10]), target, secret)
}

func (w *webhooks) put(ctx context.Context, id, target, secret string) error {
	events := hookyard.Selector{Names: []string{eventType}}
	format, body := "template", bare
	_, err := w.client.PutHook(ctx, w.project, id,
		client.HookPatch{URL: &target, Events: &events, Format: &format, Template: &body, Secret: &secret})
	return err
}

// newSecret returns a new secret in the format of Standard Webhooks.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

// remove deletes a hook. It is not an error if the hook does not exist.
func (w *webhooks) remove(ctx context.Context, id string) error {
	_, err := w.client.DeleteHook(ctx, w.project, id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil
	}
	return err
}

// setUp creates the project and, with RabbitMQ, the source that reads the queue, unless they exist.
func (w *webhooks) setUp(ctx context.Context, rabbitMQ, queue string) error {
	_, err := w.client.Project(ctx, w.project)
	if errors.Is(err, hookyard.ErrNotFound) {
		_, _, err = w.client.PutProject(ctx, w.project, client.ProjectPatch{})
	}
	if err != nil || rabbitMQ == "" {
		return err
	}
	_, err = w.client.Source(ctx, w.project, queue)
	if !errors.Is(err, hookyard.ErrNotFound) {
		return err
	}
	kind, fixed := "rabbitmq", eventType
	_, _, err = w.client.PutSource(ctx, w.project, queue,
		client.SourcePatch{Type: &kind, EventType: &fixed, RabbitMQ: &hookyard.QueueSource{
			URL: rabbitMQ, Queue: queue, Declare: true, Expect: hookyard.ExpectComments,
		}})
	return err
}
