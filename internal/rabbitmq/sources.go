package rabbitmq

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
)

// Store is what [Sources] needs of the store. See internal/store for the contracts.
type Store interface {
	QueueSources(ctx context.Context) ([]*hookyard.Source, error)
	SnapshotByKey(ctx context.Context, key int64) (*hookyard.Snapshot, error)
	Refuse(ctx context.Context, r *hookyard.Refusal) error
}

// Hooks makes the hooks of URLs that messages name. See internal/control for the contract.
type Hooks interface {
	CreateRequestedHook(ctx context.Context, s *hookyard.Source, id, url string) error
}

// Ingest is what [Sources] needs of the way in. See internal/ingest for the contract.
type Ingest interface {
	AcceptFor(ctx context.Context, snapshot *hookyard.Snapshot, events []*hookyard.Event,
		also [][]*hookyard.Hook) ([]hookyard.Receipt, []error)
}

// SourcesOptions are what [Sources] are made of.
type SourcesOptions struct {
	Store  Store
	Hooks  Hooks
	Ingest Ingest
	Dial   Dial
	Limits hookyard.Limits
	Bodies *budget.Bodies // room for large bodies, shared by all ways in; nil: these have their own
	// Decompress is that of the events; nil: their bodies stay compressed.
	Decompress hookyard.Decompress
	Log        *slog.Logger
	Poll       time.Duration // how often the list of sources is looked at; 0 means 5 s
}

// Sources reads the queues of all sources of type rabbitmq. Several nodes that read the same queue share its messages.
type Sources struct {
	o    SourcesOptions
	wake chan struct{}
	room *semaphore.Weighted // of arrivedRoom

	mu     sync.Mutex // guards status
	status map[int64]Status
}

// Status says how a source does on this node.
type Status struct {
	Connected bool
	Since     time.Time // of Connected
	Error     string    // why it is not, in words
	Taken     int64     // messages that became events since the start
	Refused   int64     // messages that went to the list of refusals
}

// set notes that the source is connected from now on, or why it is not.
func (st *Status) set(connected bool, why string) {
	st.Connected, st.Error = connected, why
	st.Since = time.Now()
}

// NewSources makes Sources. They read while Run runs.
func NewSources(o SourcesOptions) *Sources {
	if o.Poll == 0 {
		o.Poll = 5 * time.Second
	}
	if o.Bodies == nil {
		o.Bodies = budget.NewBodies("", o.Limits.Body, o.Log)
	}
	return &Sources{o: o, wake: make(chan struct{}, 1), room: semaphore.NewWeighted(arrivedRoom),
		status: map[int64]Status{}}
}

// Wake says that sources changed. It never blocks.
func (s *Sources) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Status returns how the source with the given key does; false when this node does not read it.
func (s *Sources) Status(sourceKey int64) (Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.status[sourceKey]
	return st, ok
}

func (s *Sources) note(sourceKey int64, f func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status[sourceKey]
	f(&st)
	s.status[sourceKey] = st
}

// reading is a source that is being read.
type reading struct {
	revision int64
	stop     context.CancelFunc
	done     chan struct{}
}

func (r *reading) end() {
	r.stop()
	<-r.done
}

// Run follows the list of sources and reads their queues until ctx ends. It returns when everything it started has
// returned; messages that are not acknowledged then are the broker's again.
func (s *Sources) Run(ctx context.Context) error {
	all := map[int64]*reading{}
	poll := time.NewTicker(s.o.Poll)
	defer poll.Stop()
	for {
		if err := s.follow(ctx, all); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("the list of queues cannot be read; trying again", "error", err)
		}
		select {
		case <-poll.C:
		case <-s.wake:
		case <-ctx.Done():
			for _, r := range all {
				r.stop()
			}
			for _, r := range all {
				<-r.done
			}
			return nil
		}
	}
}

// follow starts what is new, stops what is gone, and does both for what changed.
func (s *Sources) follow(ctx context.Context, all map[int64]*reading) error {
	sources, err := s.o.Store.QueueSources(ctx)
	if err != nil {
		return err
	}
	wanted := make(map[int64]bool, len(sources))
	for _, src := range sources {
		if !src.Active || src.RabbitMQ == nil {
			continue
		}
		wanted[src.Key] = true
		if r := all[src.Key]; r != nil && r.revision == src.Revision {
			continue
		} else if r != nil {
			r.end()
		}
		all[src.Key] = s.start(ctx, src)
	}
	for key, r := range all {
		if wanted[key] {
			continue
		}
		r.end()
		delete(all, key)
		s.mu.Lock()
		delete(s.status, key)
		s.mu.Unlock()
	}
	return nil
}

func (s *Sources) start(ctx context.Context, src *hookyard.Source) *reading {
	ctx, stop := context.WithCancel(ctx)
	r := &reading{revision: src.Revision, stop: stop, done: make(chan struct{})}
	c := &consumer{s: s, source: src, log: s.o.Log.With("source", src.Name, "queue", src.RabbitMQ.Queue)}
	go func() {
		defer close(r.done)
		c.run(ctx)
	}()
	return r
}
