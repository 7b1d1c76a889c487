package app

import (
	"context"

	"github.com/hookyard/hookyard/internal/store"
)

// MoveProgress says how far a [Migrate] is.
type MoveProgress = store.MoveProgress

// Moved is the result of [Migrate].
type Moved = store.Moved

// Migrate copies all data from one database, a SQLite file or a postgres:// URL, into another one, which must be empty,
// and compares both. No server may use them. If it fails, it continues where it was when it is called again.
func Migrate(ctx context.Context, from, to string, report func(MoveProgress)) (Moved, error) {
	return store.Move(ctx, from, to, report)
}
