package app

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
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
		debug.SetMemoryLimit(memoryLimit)
	}
}

// memoryLimit is what the process takes besides what [App.FollowCache] counts. A few large bodies at once would leave
// several times their size behind, which is not collected once it is quiet again. Beyond this the collector works for
// what it saves.
const memoryLimit = 96 << 20

// FollowCache raises the limit of [TuneProcess] by what is cached and what lanes take, and lowers it again, until ctx
// ends: the collector cannot free it, and would run all the time.
func (a *App) FollowCache(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for last := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		n := a.db.CacheBytes() + int64(a.dispatcher.Stats().Lanes)*laneBytes
		n += min(n, cacheRoom)
		if n-last > cacheStep || last-n > cacheStep {
			debug.SetMemoryLimit(memoryLimit + n)
			last = n
		}
	}
}

// cacheStep is by how much that grows or shrinks before the limit does, laneBytes about what a lane takes, and
// cacheRoom how much more the limit is raised, at most: the more is reachable, the more a collection costs.
const (
	cacheStep = 4 << 20
	laneBytes = 2 << 10
	cacheRoom = 32 << 20
)
