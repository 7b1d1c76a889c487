package store_test

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestLogStaysShort makes checkpoints while 60 MB are written.
func TestLogStaysShort(t *testing.T) {
	t.Parallel()
	path := storetest.SQLite(t)
	db := storetest.Open(t, path)
	s := storetest.Project(t, db, "acme", "shop")
	body := bytes.Repeat([]byte("x"), 10<<10)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 1500 {
				e := hookyard.NewEvent("api", "a", body, time.Now())
				e.ProjectKey = s.Project.Key
				if _, err := db.Accept(t.Context(), hookyard.Route(e, s, nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		writers.Wait()
	}()
	testenv.Until(t, "all is written", func() bool {
		db.Checkpoint(t)
		select {
		case <-written:
			return true
		default:
			return false
		}
	})
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(24 << 20); log.Size() > most {
		t.Errorf("the write-ahead log has %d bytes; at most %d", log.Size(), most)
	}
}
