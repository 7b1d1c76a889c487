package app_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// TestRecheckTellsWhatItAccepted checks requests again, of which one is not there and the last are beyond a limit: the
// ids of the events are in the answer all the same.
func TestRecheckTellsWhatItAccepted(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *app.Config) {
		c.Dev = true
		c.ProjectLimit = map[hookyard.LimitName]int64{hookyard.LimitEvents: 1}
	})
	ctx, c := t.Context(), at(t, a, "")
	const p = "guest/p"
	if _, _, err := c.PutProject(ctx, p, client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	s, _, err := c.PutSource(ctx, p, "in", client.SourcePatch{Type: new("github"), Secret: new("a secret")})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		resp, err := http.Post(s.URL, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	refused, err := c.Refused(ctx, p, "in", 10)
	if err != nil || len(refused) != 5 {
		t.Fatalf("refused %v, %v", refused, err)
	}
	if _, err := c.PatchSource(ctx, p, "in", client.SourcePatch{Type: new("none")}); err != nil {
		t.Fatal(err)
	}
	ids := []int64{99999}
	for i := range refused {
		ids = append(ids, refused[len(refused)-1-i].Key)
	}
	done, err := c.RecheckRefused(ctx, p, "in", client.RecheckRequest{IDs: ids})
	if err != nil || len(done) != 6 || done[0].Reason != "source in has no refused request 99999" ||
		!strings.HasPrefix(done[1].EventID, "evt_") || done[1].Reason != "" ||
		!strings.HasPrefix(done[5].Reason, "not checked: limit eventsPerSecond of project guest/p is 1") {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = c.RecheckRefused(ctx, p, "in", client.RecheckRequest{IDs: ids[:2]})
	if !errors.Is(err, hookyard.ErrNotFound) {
		t.Errorf("what is gone: %v", err)
	}
}
