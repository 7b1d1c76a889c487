package rabbitmq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// maxRequests is how many webhooks one message may name.
const maxRequests = 100

// meetRequests finds the project's hooks for the URLs that messages name, and makes those that are missing. Such a hook
// wants no events of its own; it has everything else that hooks have: log, retries, limits, the guard against private
// addresses, and it can be switched off. It returns a snapshot that has them all.
func (c *consumer) meetRequests(ctx context.Context, snapshot *hookyard.Snapshot,
	all []*incoming) (*hookyard.Snapshot, error) {
	made := false
	for _, in := range all {
		var problems []string
		in.urls, problems = c.checkRequests(in.urls)
		in.problems = append(in.problems, problems...)
		for i, url := range in.urls {
			if snapshot.Hook(requestedID(url)) != nil {
				continue
			}
			err := c.s.o.Hooks.CreateRequestedHook(ctx, c.source, requestedID(url), url)
			switch code := hookyard.CodeOf(err); {
			case err == nil, code == hookyard.Conflict: // another message or node was faster
				made = true
			case code == hookyard.Invalid, code == hookyard.Forbidden, code == hookyard.TooMany:
				in.problems = append(in.problems, fmt.Sprintf("webhooks[%d] is not sent to: %v", i, err))
			default:
				return nil, err
			}
		}
	}
	if made {
		var err error
		if snapshot, err = c.s.o.Store.SnapshotByKey(ctx, c.source.ProjectKey); err != nil {
			return nil, err
		}
	}
	for _, in := range all {
		for _, url := range in.urls {
			if h := snapshot.Hook(requestedID(url)); h != nil {
				in.hooks = append(in.hooks, h)
			}
		}
	}
	return snapshot, nil
}

// checkRequests leaves out what cannot be sent to, and says why.
func (c *consumer) checkRequests(urls []string) (good, problems []string) {
	if len(urls) > maxRequests {
		problems = append(problems, fmt.Sprintf("webhooks names %d URLs, at most %d are sent to", len(urls),
			maxRequests))
		urls = urls[:maxRequests]
	}
	for i, url := range urls {
		err := hookyard.CheckURL(url, c.s.o.Limits)
		if err == nil && !strings.HasPrefix(url, "http") {
			err = hookyard.FieldErrorf("url", "url must begin with http:// or https://")
		}
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("webhooks[%d] is not sent to: %v", i, err))
		case !slices.Contains(good, url):
			good = append(good, url)
		}
	}
	return good, problems
}

// requestedID is the id of the hook for a URL that messages name.
func requestedID(url string) string {
	sum := sha256.Sum256([]byte(url))
	return "requested-" + hex.EncodeToString(sum[:8])
}
