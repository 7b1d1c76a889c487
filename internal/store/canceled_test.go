package store

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
)

// TestCanceledTransaction ends the context of a caller within its transaction: the error is the context's, which is no
// fault of the server, and not that of a driver that has rolled back.
func TestCanceledTransaction(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "hookyard.db"),
		Options{Key: []byte("a key for tests only"), NodeName: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	err = db.inTx(ctx, func(tx *limitedTx) error {
		cancel()
		for {
			if _, err := tx.Exec("select 1"); err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("inTx = %v, want the context's error", err)
	}
}
