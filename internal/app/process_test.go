package app_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/hookyard/hookyard/internal/app"
)

// TestLogReaderGone writes to a log whose reader has ended, in a process of its own: the signal would end it.
func TestLogReaderGone(t *testing.T) {
	if os.Getenv("WRITE_TO_NOBODY") != "" {
		app.TuneProcess()
		_, _ = os.Stderr.WriteString("a line\n")
		return
	}
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestLogReaderGone$")
	c.Env = append(os.Environ(), "WRITE_TO_NOBODY=1")
	c.Stderr = w
	err = c.Run()
	_ = w.Close()
	if err != nil {
		t.Errorf("the process ended by %v", err)
	}
}
