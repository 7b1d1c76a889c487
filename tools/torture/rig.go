//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// topology is what hookyard runs on.
type topology struct {
	name    string
	nodes   int
	bouncer string // settings of the PgBouncer in between, or "" without one
}

func (t topology) postgres() bool { return t.name != "sqlite" }

// topologies are all there are, in the order of the table.
var topologies = []topology{
	{name: "sqlite", nodes: 1},
	{name: "postgres", nodes: 1},
	{name: "postgres-3", nodes: 3},
	{name: "pgbouncer", nodes: 3, bouncer: "\n"},
	{name: "pgbouncer-tx", nodes: 3, bouncer: "pool_mode = transaction\n"},
}

// Settings of the hooks. They retry often and never give up: what is not delivered in the end is stuck.
const (
	hookTimeout  = 2 * time.Second
	hookInFlight = 8
	retryEvery   = time.Second
	retries      = 100 // all that a schedule may have
)

// rig is everything that one cell runs: hookyard, its database, and those around it.
type rig struct {
	topology  topology
	dir       string
	disk      string // where the database lies, when it has a small disk of its own, or ""
	nodes     []*node
	cluster   *cluster // nil with SQLite
	bouncer   *bouncer // nil without
	broker    *broker  // nil without
	receivers []*receiver
	consumed  *receiver // the one of a queue, nil without a broker
	ledger    *ledger
	random    *rand.Rand
	binary    string
	shift     time.Duration // by which a clock is wrong
	stepAt    time.Time     // when it becomes so; zero: from the start
	broken    int           // how often a node lost what it had under way
	memory    int64
}

// underWay is how many deliveries of one node can be under way at once.
const underWay = 2*hookInFlight + 1

// newRig starts everything. The caller closes it, also after an error.
func newRig(ctx context.Context, o cellOptions) (*rig, error) {
	r := &rig{topology: o.topology, ledger: newLedger(), random: rand.New(rand.NewPCG(o.seed, 1)), binary: o.binary}
	var err error
	if r.dir, err = os.MkdirTemp("", "hookyard-torture-"); err != nil {
		return r, err
	}
	if err := os.Chmod(r.dir, 0o755); err != nil { // PostgreSQL's user goes through it
		return r, err
	}
	if o.fault.smallDisk {
		if err := r.mount(); err != nil {
			return r, err
		}
	}
	if err := r.receive(o.seed); err != nil {
		return r, err
	}
	database, err := r.database(ctx)
	if err != nil {
		return r, err
	}
	for i := range o.topology.nodes {
		n, err := newNode(nodeConfig{name: fmt.Sprintf("node%d", i+1), binary: o.first, dir: r.dir,
			key: filepath.Join(r.dir, "secret.key"), backend: database, database: r.databaseOf})
		if err != nil {
			return r, err
		}
		if o.fault.clock != 0 && i == 0 {
			r.setClock(n, o.fault)
		}
		r.nodes = append(r.nodes, n)
		if err := n.start(); err != nil {
			return r, err
		}
		if err := n.ready(ctx, time.Minute); err != nil {
			return r, fmt.Errorf("hookyard did not start: %w", err)
		}
	}
	if err := r.hooks(ctx); err != nil {
		return r, err
	}
	if o.fault.broker {
		return r, r.queues(ctx)
	}
	return r, nil
}

// diskSize is the size of the small disk, by database: PostgreSQL has 40 MB before the first event.
const (
	diskSize         = 24 << 20
	diskSizePostgres = 160 << 20
)

// mount mounts a small disk in memory.
func (r *rig) mount() error {
	size := diskSize
	if r.topology.postgres() {
		size = diskSizePostgres
	}
	disk := filepath.Join(r.dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("torture", disk, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	r.disk = disk
	return nil
}

// receive starts the receivers: a and o are tormented, b is a neighbour who has nothing to do with it.
func (r *rig) receive(seed uint64) error {
	for _, h := range []struct{ hook, flow string }{{"a", plain}, {"b", plain}, {"o", ordered}} {
		rc, err := newReceiver(h.hook, h.flow, seed)
		if err != nil {
			return err
		}
		r.receivers = append(r.receivers, rc)
	}
	return nil
}

// database starts the database and returns its address, "" for SQLite's.
func (r *rig) database(ctx context.Context) (string, error) {
	if !r.topology.postgres() {
		return "", nil
	}
	dir := filepath.Join(r.dir, "postgres")
	if r.disk != "" {
		dir = filepath.Join(r.disk, "postgres")
	}
	err := os.Mkdir(dir, 0o755)
	if err != nil {
		return "", err
	}
	if r.cluster, err = newCluster(ctx, dir); err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	if r.topology.bouncer == "" {
		return loopback(r.cluster.port), nil
	}
	if r.bouncer, err = newBouncer(r.cluster, r.dir, r.topology.bouncer); err != nil {
		return "", err
	}
	return loopback(r.bouncer.port), nil
}

// databaseOf returns what a node is told as its database.
func (r *rig) databaseOf(back *proxy) string {
	switch {
	case back != nil:
		return databaseURL(back.addr())
	case r.disk != "":
		return filepath.Join(r.disk, "hookyard.db")
	}
	return filepath.Join(r.dir, "hookyard.db")
}

// hooks makes a hook for each receiver.
func (r *rig) hooks(ctx context.Context) error {
	for _, rc := range r.receivers {
		if err := r.hook(ctx, rc, rc.url(), nil); err != nil {
			return err
		}
	}
	return nil
}

// hook makes the hook of a receiver. queue is set when the URL is a broker's.
func (r *rig) hook(ctx context.Context, rc *receiver, url string, queue *hookyard.RabbitMQ) error {
	schedule := make([]hookyard.Duration, retries)
	for i := range schedule[1:] {
		schedule[i+1] = hookyard.Duration(retryEvery)
	}
	timeout, inFlight, isOrdered := hookyard.Duration(hookTimeout), hookInFlight, rc.flow == ordered
	patch := client.HookPatch{URL: &url, Events: &hookyard.Selector{Names: []string{eventType(rc.flow)}},
		Schedule: &schedule, Timeout: &timeout, Ordered: &isOrdered, InFlight: &inFlight, RabbitMQ: queue,
		Off: &hookyard.OffPolicy{Policy: hookyard.OffNever}}
	if _, err := r.nodes[0].client.PutHook(ctx, project, rc.hook, patch); err != nil {
		return fmt.Errorf("make hook %s: %w", rc.hook, err)
	}
	return nil
}

// close stops everything and deletes what it left.
func (r *rig) close() error {
	for _, n := range r.nodes {
		n.close()
	}
	if r.bouncer != nil {
		r.bouncer.stop()
	}
	if r.cluster != nil {
		r.cluster.close()
	}
	if r.broker != nil {
		r.broker.stop()
	}
	for _, rc := range r.receivers {
		rc.close()
	}
	var err error
	if r.disk != "" {
		err = syscall.Unmount(r.disk, syscall.MNT_DETACH)
	}
	if r.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

// state is how far hookyard is behind, at one moment.
type state struct {
	waiting time.Duration // how long a client has tried to publish one event
	behind  time.Duration // age of the oldest event that a receiver lacks
}

// look reads the state, and the memory of the nodes. Only one goroutine may call it.
func (r *rig) look(now time.Time) state {
	s := state{waiting: r.ledger.oldestWait(now)}
	for _, rc := range r.receivers {
		s.behind = max(s.behind, rc.behind(r.ledger, now))
	}
	for _, n := range r.nodes {
		r.memory = max(r.memory, n.current().memory())
	}
	return s
}

// well says whether what is published is acknowledged and delivered soon.
func (s state) well() bool { return s.waiting < tolerance && s.behind < tolerance }

// panics returns the first lines of panics in the nodes' logs.
func (r *rig) panics() []string {
	var found []string
	for _, n := range r.nodes {
		b, err := os.ReadFile(n.log)
		if err != nil {
			continue // it did not start
		}
		if _, after, ok := strings.Cut(string(b), "panic:"); ok {
			first, _, _ := strings.Cut(after, "\n")
			found = append(found, n.name+": panic:"+first)
		}
	}
	return found
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a struct of numbers and strings
	}
	return b
}
