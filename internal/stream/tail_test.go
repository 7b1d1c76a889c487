package stream

import (
	"testing"

	"github.com/hookyard/hookyard"
)

// TestErasedWhileRead: events that were read before some were erased do not come back into the memory for all.
func TestErasedWhileRead(t *testing.T) {
	t.Parallel()
	var end tail
	end.init(0)
	item := func(seq int64) *Item { return &Item{Event: &hookyard.Event{Seq: seq, Size: 1}} }
	end.add([]*Item{item(1)}, 1, end.erased)
	before := end.erased // of a read that begins now
	end.forget()
	end.add([]*Item{item(2)}, 2, before)
	if items, _, _, behind := end.since(1); len(items) > 0 || !behind {
		t.Errorf("%d events of before are there; behind is %t", len(items), behind)
	}
	end.add([]*Item{item(3)}, 3, end.erased)
	if items, _, _, behind := end.since(2); len(items) != 1 || behind {
		t.Errorf("%d events came since; behind is %t", len(items), behind)
	}
}
