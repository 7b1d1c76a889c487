package app

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// TuneProcess sets what holds for the whole process, so it is for the program that serves and does little else: call it
// once, before New. GOGC and GOMEMLIMIT of the environment win.
func TuneProcess() {
	if os.Getenv("GOGC") == "" {
		// The heap is small, so collecting at twice its size, Go's default, would be done all the time: a tenth of the
		// CPU under load. Five times costs some 30 MB.
		debug.SetGCPercent(400)
	}
	// The reader of the log may end before the server. The write then fails, which log/slog ignores; the signal would
	// end the process, and systemd takes that for a clean end.
	signal.Ignore(syscall.SIGPIPE)
	runtime.MemProfileRate = 0 // it is not read, and sampling costs two hundredths of the CPU
	if os.Getenv("GOMEMLIMIT") == "" {
		// A few large bodies at once would leave several times their size behind, which is not collected once it is
		// quiet again. Beyond this the collector works for what it saves.
		debug.SetMemoryLimit(96 << 20)
	}
}
