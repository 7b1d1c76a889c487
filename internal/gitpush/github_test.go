package gitpush

import (
	"testing"

	"github.com/google/go-github/v75/github"
)

// TestForGitHubsReceivers parses events with a library for receivers of GitHub's webhooks.
func TestForGitHubsReceivers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.commit("a", "one")
	w.git("push", "origin", "main")
	w.git("tag", "-a", "-m", "told", "v1")
	w.git("push", "origin", "v1")
	w.git("push", "origin", "main:x", "main:y")
	w.git("push", "origin", ":x")
	all := w.yard.take()
	if len(all) != 4 {
		t.Fatalf("%d events", len(all))
	}
	for _, m := range all {
		e, err := github.ParseWebHook(m.Type, m.Data)
		if err != nil {
			t.Fatalf("%v: %s", err, m.Data)
		}
		p := e.(*github.PushEvent)
		if p.GetRef() == "" || p.GetRepo().GetFullName() != "alice/paint" || p.GetPusher().GetName() != "alice" ||
			p.GetSender().GetLogin() != "alice" || p.GetRepo().GetPushedAt().IsZero() {
			t.Errorf("%s", m.Data)
		}
		if !p.GetDeleted() && (p.GetHeadCommit().GetID() != c || p.GetHeadCommit().GetTimestamp().IsZero()) {
			t.Errorf("head: %s", m.Data)
		}
	}
}
