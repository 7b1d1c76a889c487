package budget

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
)

// SmallBody is the size in bytes up to which a body is read into memory as it comes. Larger ones wait in a [File] until
// they are complete, so that slow senders take no memory.
const SmallBody = 64 << 10

// Bounds on bodies that are coming in. Anybody can send, as slowly as they like.
const (
	spoolRoom  = 2 << 30          // for all files together
	spoolShare = 512 << 20        // for those of one destination
	largeRoom  = 32 << 20         // for all complete ones in memory; one body of the largest size always fits
	roomWait   = 10 * time.Second // how long an HTTP request waits for room before it is refused
)

// Bodies shares out disk and memory for large bodies that come in. Room is taken in the order share, spool, memory, and
// for the whole body at once; who has memory waits for nothing. So no two bodies wait for each other. It is safe for
// concurrent use.
type Bodies struct {
	dir    string
	limit  int64
	spool  *semaphore.Weighted
	memory *semaphore.Weighted
	shares *Shares
	log    *slog.Logger
}

// NewBodies returns Bodies of at most limit bytes each. Their files are made in dir; "" means the system's directory
// for temporary files.
func NewBodies(dir string, limit int64, log *slog.Logger) *Bodies {
	return &Bodies{dir: dir, limit: limit, log: log, spool: semaphore.NewWeighted(max(spoolRoom, limit)),
		memory: semaphore.NewWeighted(max(largeRoom, limit)), shares: NewShares()}
}

// Decoder makes the bytes of a body from those that came in.
type Decoder interface {
	// Size returns how many bytes there will be, without keeping them.
	Size(ctx context.Context, body io.Reader) (int64, error)
	// Read returns them. size is what Size returned.
	Read(ctx context.Context, body io.Reader, size int64) ([]byte, error)
}

// Read reads the body of a request, of which nothing was read yet, and which its reader must limit, decoded unless
// decode is nil. The memory of a large one counts as taken until the request has ended. of is the destination, whose
// bodies share disk. The error is one of the body or of decode, or Unavailable when there is no room within ten
// seconds.
func (b *Bodies) Read(r *http.Request, body io.Reader, of string, decode Decoder) ([]byte, error) {
	start := make([]byte, SmallBody+1)
	n, err := io.ReadFull(body, start)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		if decode != nil && n > 0 {
			return b.decode(r.Context(), bytes.NewReader(start[:n]), decode)
		}
		return start[:n:n], nil
	}
	if err != nil {
		return nil, err
	}
	most := b.limit
	if r.ContentLength >= 0 {
		most = min(most, r.ContentLength)
	}
	ctx := r.Context()
	f, err := inTime(ctx, func(ctx context.Context) (*File, error) { return b.Create(ctx, of, most) })
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := io.Copy(f, io.MultiReader(bytes.NewReader(start), body)); err != nil {
		return nil, err
	}
	if decode != nil {
		return b.decode(ctx, io.NewSectionReader(f.file, 0, f.size), decode)
	}
	return inTime(ctx, func(wait context.Context) ([]byte, error) {
		whole, release, err := f.Load(wait)
		if err == nil {
			context.AfterFunc(ctx, release)
		}
		return whole, err
	})
}

// decode reads a complete body twice: memory is taken for exactly what it needs.
func (b *Bodies) decode(ctx context.Context, body io.ReadSeeker, decode Decoder) ([]byte, error) {
	size, err := decode.Size(ctx, body)
	if err != nil {
		return nil, err
	}
	if err := b.Hold(ctx, size, false); err != nil {
		return nil, err
	}
	if size > SmallBody {
		Collect(size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return decode.Read(ctx, body, size)
}

// Hold takes memory for n bytes until ctx ends. It waits as Read does, unless the caller has memory already: whoever
// has memory waits for nothing. The error is Unavailable or the one of ctx.
func (b *Bodies) Hold(ctx context.Context, n int64, has bool) error {
	if n <= SmallBody {
		return nil
	}
	if !b.memory.TryAcquire(n) {
		if has {
			return errCrowded()
		}
		_, err := inTime(ctx, func(wait context.Context) (none struct{}, err error) {
			return none, b.memory.Acquire(wait, n)
		})
		if err != nil {
			return err
		}
	}
	context.AfterFunc(ctx, func() { b.memory.Release(n) })
	return nil
}

func errCrowded() error {
	return hookyard.Errorf(hookyard.Unavailable,
		"too many large bodies are coming in at once: send it again in a few seconds").After(roomWait)
}

// inTime runs f, which waits for room, with a context that ends before senders lose patience.
func inTime[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	wait, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	v, err := f(wait)
	if err == nil || wait.Err() == nil {
		return v, err
	}
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	return v, errCrowded()
}

// File is a body on disk. It is not safe for concurrent use.
type File struct {
	of   *Bodies
	file *os.File
	size int64
	give []func() // back what was taken
}

// Create returns an empty File for a body of at most most bytes to the destination of, when there is room for it on
// disk. The error is the one of ctx, or Unavailable when the disk fails. The caller must close the File.
func (b *Bodies) Create(ctx context.Context, of string, most int64) (*File, error) {
	share, done := b.shares.Of(of, max(spoolShare, b.limit))
	f := &File{of: b, give: []func(){done}}
	for _, room := range []*semaphore.Weighted{share, b.spool} {
		if err := room.Acquire(ctx, most); err != nil {
			f.Close()
			return nil, err
		}
		f.give = append(f.give, func() { room.Release(most) })
	}
	var err error
	if f.file, err = os.CreateTemp(b.dir, "body-"); err != nil {
		f.Close()
		return nil, b.diskError(err)
	}
	_ = os.Remove(f.file.Name()) // so that a crash leaves nothing behind; Windows removes it only when it is closed
	return f, nil
}

// Write appends to the body. The error is Unavailable.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	if f.size += int64(n); err != nil {
		err = f.of.diskError(err)
	}
	return n, err
}

// Load returns the whole body when there is room for it in memory. The caller must call release when it has dropped the
// bytes. The error is the one of ctx, or Unavailable when the disk fails.
func (f *File) Load(ctx context.Context) (body []byte, release func(), err error) {
	if err := f.of.memory.Acquire(ctx, f.size); err != nil {
		return nil, nil, err
	}
	release = func() { f.of.memory.Release(f.size) }
	Collect(f.size)
	whole := make([]byte, f.size)
	if _, err := f.file.ReadAt(whole, 0); err != nil {
		release()
		return nil, nil, f.of.diskError(err)
	}
	return whole, release, nil
}

// Close removes the file and returns its room on disk.
func (f *File) Close() {
	if f.file != nil {
		_ = f.file.Close()
		_ = os.Remove(f.file.Name())
	}
	for _, give := range slices.Backward(f.give) {
		give()
	}
}

// diskError logs an error of a file and returns what the sender needs to know of it.
func (b *Bodies) diskError(err error) error {
	if file := (*fs.PathError)(nil); !errors.As(err, &file) {
		return err
	}
	b.log.Error("large body cannot be written to a file", "error", err)
	return hookyard.Errorf(hookyard.Unavailable,
		"the server cannot hold a body of this size at the moment: send it again later").After(roomWait)
}

// Shares has a room for each of many tenants, as long as it is used. It is safe for concurrent use.
type Shares struct {
	mu  sync.Mutex
	all map[string]*share
}

// NewShares returns Shares without any room.
func NewShares() *Shares { return &Shares{all: map[string]*share{}} }

type share struct {
	room  *semaphore.Weighted
	users int
}

// Of returns the room of a tenant; size is that of a new one. The caller must call done when it has given back what it
// took.
func (s *Shares) Of(name string, size int64) (room *semaphore.Weighted, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.all[name]
	if sh == nil {
		sh = &share{room: semaphore.NewWeighted(size)}
		s.all[name] = sh
	}
	sh.users++
	return sh.room, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sh.users--; sh.users == 0 {
			delete(s.all, name)
		}
	}
}
