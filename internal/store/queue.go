package store

import (
	"context"
	"fmt"
	"time"

	"github.com/hookyard/hookyard"
)

// Place is where a delivery stands in the queue of its hook.
type Place struct {
	Position  int  // 1 is next
	Elsewhere bool // another node has claimed it
}

// Queue returns the first deliveries of a hook's queue, by the seqs of their events: first those that nodes have
// claimed, then those that are due at now, in the order in which they will be claimed. It reads at most limit rows of
// each, from an index.
func (db *DB) Queue(ctx context.Context, h *hookyard.Hook, now time.Time, limit int) (map[int64]Place, error) {
	which := "place > 0 order by place"
	var last []any
	if !h.Ordered {
		which, last = "due <= $3 order by due, event_seq", []any{micros(now)}
	}
	out := map[int64]Place{}
	for _, node := range []string{"node in (select key from nodes)", "node = 0"} {
		rows, err := db.read.QueryContext(ctx, fmt.Sprintf(`select event_seq, node from deliveries
			where state = 'pending' and hook_key = $1 and %s and %s limit $2`, node, which),
			append([]any{h.Key, limit - len(out)}, last...)...)
		if err != nil {
			return nil, err
		}
		_, err = collect(rows, func(row scanner) (none struct{}, err error) {
			var seq, node int64
			if err := row.Scan(&seq, &node); err != nil {
				return none, err
			}
			out[seq] = Place{Position: len(out) + 1, Elsewhere: node != 0 && node != db.node}
			return none, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
