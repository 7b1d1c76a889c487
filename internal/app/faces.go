package app

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/rabbitmq"
	"github.com/hookyard/hookyard/internal/relay"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/svix"
)

// live makes what serves listeners. Who may listen is the API's to say, which is made with it: hence the detour.
func (a *App) live() *stream.Listeners {
	o := stream.HubOptions{Store: a.db, Filter: a.filters.Match}
	if a.db.Name() != "sqlite" {
		o.Look = time.Second // other nodes commit, too
	}
	a.hub = stream.NewHub(o)
	a.db.OnCommit(a.hub.Notify)
	a.db.OnDue(a.dispatcher.Woken)
	a.db.OnNodes(a.dispatcher.NodesChanged)
	a.gate = stream.NewGate(a.config.ListenersPerAddress, a.config.Listeners, a.quotas)
	return stream.New(stream.Options{
		Hub: a.hub, Gate: a.gate, Log: a.log,
		Authorize: a.authorize, Ensure: a.ensure(),
		CheckFilter: func(text string) error {
			_, err := filter.Compile(text)
			return err
		},
	})
}

// authorize is the API's, which is made later.
func (a *App) authorize(r *http.Request, owner, project string) (*hookyard.Snapshot, time.Time, error) {
	return a.api.Authorize(r, owner, project)
}

// ensure creates projects for listeners with --dev: one who listens before the first event must not be told to come
// back later. Else it is nil.
func (a *App) ensure() func(ctx context.Context, owner, project string) (*hookyard.Snapshot, error) {
	if !a.config.Dev {
		return nil
	}
	return a.control.EnsureProject
}

// newBins makes the bins; their API is served with the others.
func (a *App) newBins() *bin.Bins {
	return bin.New(bin.Options{
		Store: a.db, Client: a.client, Log: a.log, BaseURL: a.config.BaseURL, Limits: a.config.Limits,
		Decompress: a.decoder.Plain,
		WriteError: func(w http.ResponseWriter, r *http.Request, err error) { a.api.Fail(w, r, err) },
		MaxBody:    a.config.BinBody, PerAddress: a.config.BinsPerAddress, Total: a.config.Bins,
	})
}

// others makes the faces beside the API, and the queues.
func (a *App) others() {
	a.svix = svix.New(svix.Options{Control: a.control, Ingest: a.ingest, Auth: a.auth, Limits: a.config.Limits,
		Log: a.log, BaseURL: a.config.BaseURL, Ping: a.db.Ping, Dev: a.config.Dev})
	ro := relay.Options{
		Hub: a.hub, Gate: a.gate, Log: a.log, Snapshot: a.db.Snapshot, Open: a.config.Dev, Accept: a.ingest.Accept,
		Receive:    a.ingest.Receive,
		WriteError: a.api.Fail, Limits: a.config.Limits,
		Authorize: a.authorize, Ensure: a.ensure(),
		MayPublish: func(r *http.Request, owner, project string) error {
			_, err := a.api.AuthorizePublish(r, owner, project)
			return err
		},
	}
	a.relay = relay.New(ro)
	a.queues = rabbitmq.NewSources(rabbitmq.SourcesOptions{Store: a.db, Hooks: a.control, Ingest: a.ingest,
		Dial: a.client.Dial, Limits: a.config.Limits, Bodies: a.bodies, Decompress: a.decoder.Plain, Log: a.log})
	a.db.OnChange(func(c store.Change) {
		if c.Sources {
			a.queues.Wake()
		}
		if c.Roles {
			a.auth.Forget() // before listeners are asked about again
			a.hub.Recheck()
		}
		if c.Erased {
			a.hub.Forget(c.Project)
		}
	})
}
