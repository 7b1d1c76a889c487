// Package budget limits the memory that the events of all tenants take together.
package budget

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Decoding limits the memory for decoded bodies, which take up to fifty times their size. It is safe for concurrent
// use.
type Decoding struct {
	limit int64
	room  *semaphore.Weighted
}

// NewDecoding returns a Decoding for bodies of at most limit bytes. All that are decoded at the same time have at most
// limit bytes together.
func NewDecoding(limit int64) *Decoding {
	return &Decoding{limit: limit, room: semaphore.NewWeighted(limit)}
}

// Limit returns the size in bytes beyond which a body is not decoded.
func (d *Decoding) Limit() int64 { return d.limit }

// Acquire waits for room to decode a body of n bytes; the caller must call release when it has dropped the result. A
// body beyond the limit, which is not decoded, needs no room. The error is the one of ctx.
func (d *Decoding) Acquire(ctx context.Context, n int64) (release func(), err error) {
	if n <= 0 || n > d.limit {
		return func() {}, nil
	}
	if err := d.room.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { d.room.Release(n) }, nil
}
