package hookyard_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

func TestChannels(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		hook, event []string
		want        bool
	}{
		{nil, nil, true},
		{nil, []string{"eu"}, true},
		{[]string{"eu", "us"}, []string{"asia", "us"}, true},
		{[]string{"eu"}, nil, false},
		{[]string{"eu"}, []string{"EU"}, false},
		{[]string{"eu"}, []string{"eu-1"}, false},
	} {
		h := &hookyard.Hook{Events: hookyard.SelectAll(), Channels: tc.hook}
		v := hookyard.Wants(&hookyard.Project{}, h, &hookyard.Event{Type: "a", Channels: tc.event}, nil)
		if v.Wanted != tc.want || v.Wanted == (v.Reason != "") {
			t.Errorf("a hook with channels %q wants an event with %q: %v (%s)", tc.hook, tc.event, v.Wanted, v.Reason)
		}
	}
	own := &hookyard.Hook{Events: hookyard.Selector{Names: []string{"hookyard.*"}}, Channels: []string{"eu"}}
	meta := hookyard.NewMeta(1, "hookyard.hook.disabled", []byte("{}"), time.Now())
	if !hookyard.Wants(&hookyard.Project{}, own, meta, nil).Wanted {
		t.Error("a hook with channels does not get hookyard's own events, which have none")
	}
}

func TestCheckChannels(t *testing.T) {
	t.Parallel()
	good := []string{"a", "project_123.eu-1", "group:2+b", strings.Repeat("x", 256)}
	if err := hookyard.CheckChannels(good); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]string{{""}, {"a b"}, {"a,b"}, {"ä"}, {strings.Repeat("x", 257)}, make([]string, 11)} {
		if err := hookyard.CheckChannels(bad); !errors.Is(err, hookyard.ErrInvalid) {
			t.Errorf("channels %q: %v", bad, err)
		}
	}
	for uid, good := range map[string]bool{"": true, "Cust.4711-a_b": true, "a/b": false, "a b": false, "ä": false,
		strings.Repeat("x", 256): true, strings.Repeat("x", 257): false} {
		if err := hookyard.CheckUID(uid); (err == nil) != good {
			t.Errorf("uid %q: %v", uid, err)
		}
	}
	if err := hookyard.CheckMetadata(map[string]string{"a": strings.Repeat("x", 5000)}); err == nil {
		t.Error("metadata of 5000 bytes is accepted")
	}
}
