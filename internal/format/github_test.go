package format

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-github/v75/github"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/hookyard/hookyard"
)

// TestGitHubReceiverAcceptsPush sends pushes to a receiver written for GitHub with the most widely used library.
func TestGitHubReceiverAcceptsPush(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"push-update", "push-many", "push-branch", "push-delete", "push-tag", "push-refs",
		"inbound-push", "inbound-push-form"} {
		for _, contentType := range []string{"json", "form"} {
			a, err := txtar.ParseFile("testdata/" + name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			in := input(goldenEvent(t, a))
			in.Hook.ContentType = contentType
			s, err := Shape(GitHub, in)
			if err != nil {
				t.Fatal(err)
			}
			event := receive(t, s)
			push, ok := event.(*github.PushEvent)
			if !ok {
				t.Fatalf("%s as %s: event is a %T, want a push", name, contentType, event)
			}
			if push.GetRef() == "" || push.GetRepo().GetFullName() != "guest/MyProject" ||
				push.GetPusher().GetName() != "alice" ||
				push.GetSender().GetLogin() != "alice" || push.GetDeleted() != (name == "push-delete") ||
				(push.HeadCommit == nil) != (name == "push-delete") {
				t.Errorf("%s as %s: %+v", name, contentType, push)
			}
		}
	}
}

// receive is the receiver. It verifies the signature, which the caller of Shape adds, and parses the event.
func receive(t *testing.T, s Shaped) any {
	t.Helper()
	secret := []byte("It's a Secret to Everybody")
	mac := hmac.New(sha256.New, secret)
	mac.Write(s.Body)
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(s.Body))
	r.Header = s.Header.Clone()
	r.Header.Set("Content-Type", s.ContentType)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	payload, err := github.ValidatePayload(r, secret)
	if err != nil {
		t.Fatal(err)
	}
	event, err := github.ParseWebHook(github.WebHookType(r), payload)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func TestGitHubEventNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ eventType, header, want string }{
		{"push", "", "push"},
		{"issues.opened", "", "issues"},
		{"order.created", "", "order.created"},
		{"anything", "pull_request", "pull_request"},
		{"a\r\nb", "", "a  b"},
	} {
		e := inbound(c.eventType, "application/json", "{}")
		e.Header = http.Header{}
		if c.header != "" {
			e.Header.Set("X-GitHub-Event", c.header)
		}
		s, err := Shape(GitHub, input(e))
		if err != nil || s.Header.Get("X-GitHub-Event") != c.want {
			t.Errorf("%q: X-GitHub-Event %q, %v; want %q", c.eventType, s.Header.Get("X-GitHub-Event"), err, c.want)
		}
	}
	for _, body := range []string{"", "hello", "[1]", "5"} {
		if _, err := Shape(GitHub, input(inbound("push", "application/json",
			body))); hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("body %q: %v, want it refused", body, err)
		}
	}
}
