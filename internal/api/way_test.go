package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestWay goes the whole way by the client: project, hook, event, delivery, attempts, explanation, replay.
func TestWay(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		p := b.project("shop", client.ProjectPatch{Description: new("a shop")})
		url, got := receiver(t, http.StatusOK)
		b.hook(p, "h", url)
		if _, err := b.alice.PutHook(ctx, p, "other",
			client.HookPatch{URL: new(url), Events: &hookyard.Selector{Names: []string{"refund.*"}}}); err != nil {
			t.Fatal(err)
		}
		receipt, err := b.alice.Publish(ctx, p,
			client.Publication{Type: "order.created", Data: json.RawMessage(`{"total":1.50,"note":"<&>"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Deliveries != 1 || receipt.Duplicate {
			t.Errorf("receipt %+v, want 1 delivery", receipt)
		}
		r := wait(t, got)
		if id := r.Header.Get("webhook-id"); id != receipt.ID {
			t.Errorf("webhook-id %s, want %s", id, receipt.ID)
		}
		var page client.DeliveryPage
		until(t, "delivered", func() bool {
			page, err = b.alice.Deliveries(ctx, p, client.DeliveryQuery{Event: receipt.ID})
			return err == nil && len(page.Deliveries) == 1 && page.Deliveries[0].State == hookyard.Delivered
		})
		d, err := b.alice.Delivery(ctx, p, page.Deliveries[0].ID)
		if err != nil || len(d.History) != 1 || d.History[0].Status != 200 || !d.History[0].Request.AsEvent {
			t.Errorf("delivery %+v, %v: want one attempt answered 200", d, err)
		}
		e, err := b.alice.Event(ctx, p, receipt.ID)
		if err != nil || string(e.Body) != r.Body || e.Deliveries[hookyard.Delivered] != 1 {
			t.Errorf("event %+v, %v: want the body that was sent: %s", e, err, r.Body)
		}
		body, err := b.alice.EventBody(ctx, p, receipt.ID)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(body)
		_ = body.Close()
		if string(raw) != r.Body {
			t.Errorf("body %s, want %s", raw, r.Body)
		}
		why, err := b.alice.Explain(ctx, p, receipt.ID)
		if err != nil || len(why.Hooks) != 2 || why.Hooks[0].State != hookyard.Delivered || why.Hooks[1].Wanted ||
			why.Hooks[1].Reason == "" {
			t.Errorf("explanation %+v, %v", why, err)
		}
		opened, err := b.alice.ReplayEvent(ctx, p, receipt.ID, "h", "other")
		if err != nil || len(opened) != 2 {
			t.Fatalf("replay %v, %v", opened, err)
		}
		for range 2 {
			if again := wait(t, got); again.Header.Get("webhook-id") != receipt.ID {
				t.Error("the replay has another id")
			}
		}
		found, err := b.alice.Events(ctx, p, client.EventQuery{Type: "order.*", Path: "data.total", Value: "1.50",
			Fields: map[string]string{"data.total": "15e-1", "type": "order.created"},
			Since:  time.Now().Add(-time.Hour), Hook: "h"})
		if err != nil || len(found.Events) != 1 || found.Events[0].ID != receipt.ID {
			t.Errorf("search %+v, %v", found, err)
		}
	})
}

// TestMissed publishes an event again after a hook was created: the event is not sent twice, but tells how often it
// came, and the new hook can get it.
func TestMissed(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		p := b.project("missed", client.ProjectPatch{})
		first, firstGot := receiver(t, http.StatusOK)
		late, lateGot := receiver(t, http.StatusOK)
		b.hook(p, "first", first)
		order := client.Publication{ID: "7", Type: "order", Data: json.RawMessage(`{}`)}
		receipt, err := b.alice.Publish(ctx, p, order)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, firstGot)
		b.hook(p, "late", late)
		b.hook(p, "unwilling", late)
		none := client.HookPatch{Events: &hookyard.Selector{}}
		if _, err := b.alice.PatchHook(ctx, p, "unwilling", none); err != nil {
			t.Fatal(err)
		}
		if again, err := b.alice.Publish(ctx, p, order); err != nil || !again.Duplicate || again.ID != receipt.ID {
			t.Errorf("published again: %+v, %v; want a duplicate of %s", again, err, receipt.ID)
		}
		e, err := b.alice.Event(ctx, p, receipt.ID)
		if err != nil || e.Duplicates != 1 || e.LastDuplicateAt.Before(e.Time) {
			t.Errorf("the event came again %d times, at %v, %v; want once", e.Duplicates, e.LastDuplicateAt, err)
		}
		missed := client.EventReplay{Missed: true, DryRun: true}
		planned, err := b.alice.ReplayEventTo(ctx, p, receipt.ID, missed)
		if err != nil || len(planned) != 1 {
			t.Fatalf("planned %v, %v; want the delivery to the late hook", planned, err)
		}
		if got, err := b.alice.Deliveries(ctx, p, client.DeliveryQuery{Event: receipt.ID}); err != nil ||
			len(got.Deliveries) != 1 {
			t.Errorf("a plan made deliveries: %+v, %v", got, err)
		}
		missed.DryRun = false
		sent, err := b.alice.ReplayEventTo(ctx, p, receipt.ID, missed)
		if err != nil || !slices.Equal(sent, planned) {
			t.Errorf("sent %v, %v; want %v", sent, err, planned)
		}
		if r := wait(t, lateGot); r.Header.Get("webhook-id") != receipt.ID {
			t.Errorf("the late hook got %v", r.Header)
		}
		if sent, err = b.alice.ReplayEventTo(ctx, p, receipt.ID, missed); err != nil || len(sent) != 0 {
			t.Errorf("sent to %v, %v; want none: all have it", sent, err)
		}
		missed.Hooks = []string{"late"}
		_, err = b.alice.ReplayEventTo(ctx, p, receipt.ID, missed)
		wantStatus(t, err, http.StatusBadRequest, "either hooks or missed")
	})
}

func TestReplayOfMany(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		p := b.project("many", client.ProjectPatch{})
		all := make([]client.Publication, 3)
		for i := range all {
			all[i] = client.Publication{Type: "tick", Data: json.RawMessage(`{}`)}
		}
		if receipts, err := b.alice.PublishAll(ctx, p, all); err != nil || len(receipts) != 3 || receipts[0].ID == "" {
			t.Fatalf("published %+v, %v", receipts, err)
		}
		url, got := receiver(t, http.StatusOK)
		b.hook(p, "late", url)
		job, err := b.alice.CreateReplay(ctx, p, client.ReplayRequest{Hook: "late"})
		if err != nil || job.Total != 3 {
			t.Fatalf("replay %+v, %v", job, err)
		}
		for range 3 {
			wait(t, got)
		}
		until(t, "replay done", func() bool {
			job, err = b.alice.Replay(ctx, p, job.ID)
			return err == nil && job.Status == "done" && job.Opened == 3
		})
		_, err = b.alice.CancelReplay(ctx, p, job.ID)
		wantStatus(t, err, http.StatusConflict, "the replay has ended")
		_, err = b.alice.Replay(ctx, p, "rpl_none")
		wantStatus(t, err, http.StatusNotFound, "no such replay")
	})
}

func TestHookTestAndSecrets(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		p := b.project("secret", client.ProjectPatch{})
		url, got := receiver(t, http.StatusOK)
		b.hook(p, "h", url)
		b.hook(p, "other", "http://127.0.0.1:1/")
		made, err := b.alice.RotateHookSecret(ctx, p, "h", client.Rotation{})
		if err != nil || made.Secret == "" {
			t.Fatalf("secret %+v, %v", made, err)
		}
		test, err := b.alice.TestHook(ctx, p, "h")
		if err != nil || test.State != hookyard.Pending {
			t.Fatalf("test %+v, %v", test, err)
		}
		r := wait(t, got)
		if r.Header.Get("webhook-id") != test.ID || r.Header.Get("webhook-signature") == "" {
			t.Errorf("got header %v, want a signed test", r.Header)
		}
		why, err := b.alice.Explain(ctx, p, test.ID)
		if err != nil || why.Event.Deliveries[hookyard.Pending]+why.Event.Deliveries[hookyard.Delivered] != 1 {
			t.Errorf("the test went to %v, %v: want to one hook", why.Event.Deliveries, err)
		}
		h, err := b.alice.Hook(ctx, p, "h")
		if err != nil || h.Secret != hookyard.Masked {
			t.Errorf("hook %+v, %v: want its secret masked", h, err)
		}
		if _, err := b.alice.PatchHook(ctx, p, "h", client.HookPatch{Active: new(false)}); err != nil {
			t.Fatal(err)
		}
		if test, err = b.alice.TestHook(ctx, p, "h"); err != nil || test.State != hookyard.Skipped {
			t.Errorf("test of a hook that is off: %+v, %v", test, err)
		}
		_, err = b.alice.ReplayEvent(ctx, p, test.ID, "h")
		wantStatus(t, err, http.StatusConflict, "is off")
		if h, err = b.alice.EnableHook(ctx, p, "h"); err != nil || !h.Active {
			t.Errorf("enabled %+v, %v", h, err)
		}
	})
}
