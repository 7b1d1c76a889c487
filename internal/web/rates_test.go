package web

import (
	"slices"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

func TestResults(t *testing.T) {
	t.Parallel()
	now := time.Now()
	down := hookyard.Health{Failures: 3, FailingSince: now.Add(-time.Second)}
	for name, c := range map[string]struct {
		hook    hookyard.Hook
		sum     hookyard.Counts
		waiting int64
		due     time.Time
		share   string
		failing bool
	}{
		"nothing yet": {hook: hookyard.Hook{Active: true}, share: "–"},
		"all is well": {hook: hookyard.Hook{Active: true}, sum: hookyard.Counts{hookyard.CountDelivered: 10},
			share: "100.0 %"},
		"some wait for a moment": {hook: hookyard.Hook{Active: true}, sum: hookyard.Counts{hookyard.CountDelivered: 10},
			waiting: 5, due: now.Add(-time.Second), share: "100.0 %"},
		"a slow hook has only a backlog": {hook: hookyard.Hook{Active: true}, waiting: 5, due: now.Add(-time.Hour),
			share: "0.0 %"},
		"one failure that may pass": {hook: hookyard.Hook{Active: true, Health: hookyard.Health{Failures: 1,
			FailingSince: now}}, sum: hookyard.Counts{hookyard.CountDelivered: 10}, waiting: 1,
			due: now.Add(time.Minute), share: "100.0 %"},
		"dead, all retries are in the future": {hook: hookyard.Hook{Active: true, Health: down},
			sum: hookyard.Counts{hookyard.CountDelivered: 10}, waiting: 10, due: now.Add(time.Hour), share: "50.0 %",
			failing: true},
		"switched off, events are skipped": {hook: hookyard.Hook{OffReason: "failed"},
			sum:   hookyard.Counts{hookyard.CountDelivered: 10, hookyard.CountSkipped: 30},
			share: "25.0 %", failing: true},
		"switched off by a user": {hook: hookyard.Hook{},
			sum: hookyard.Counts{hookyard.CountDelivered: 10, hookyard.CountSkipped: 30}, share: "100.0 %"},
		"switched off long ago": {hook: hookyard.Hook{OffReason: "failed"}, share: "–", failing: true},
	} {
		o := resultsOf(&c.hook, &c.sum, c.waiting, c.due)
		if o.Share() != c.share || o.Failing != c.failing {
			t.Errorf("%s: %s, failing %t; want %s, %t", name, o.Share(), o.Failing, c.share, c.failing)
		}
		var project results
		project.add(o)
		project.add(results{Good: 1000, Ended: 1000})
		if project.Failing && project.Share() == "100.0 %" {
			t.Errorf("%s: a project with such a hook stands at 100 %%", name)
		}
	}
}

func TestBeside(t *testing.T) {
	t.Parallel()
	var sum hookyard.Counts
	if got := beside(&sum); len(got) != 0 {
		t.Errorf("of nothing it says %q", got)
	}
	for _, code := range []hookyard.Code{hookyard.Unauthenticated, hookyard.Invalid, hookyard.Invalid,
		hookyard.Conflict} {
		sum.Refuse(code)
	}
	sum[hookyard.CountRepeated], sum[hookyard.CountResent] = 1, 2
	want := []string{"4 requests refused (1 as unauthenticated, 2 as invalid)", "1 event came again",
		"2 deliveries sent again after a 2xx"}
	if got := beside(&sum); !slices.Equal(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
}
