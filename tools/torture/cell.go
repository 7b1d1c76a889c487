//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// The course of a cell.
const (
	settleLimit = 20 * time.Second       // for all to be well before the fault
	settle      = 2 * time.Second        // of load before the fault, at least
	after       = 6 * time.Second        // of load after the fault, at least
	recovery    = 60 * time.Second       // of load after the fault, at most
	drainLimit  = 90 * time.Second       // for what is owed to arrive once the load has ended
	listenLimit = 60 * time.Second       // for listeners to catch up; a silent stream is given up after 45 s
	look        = 100 * time.Millisecond // between two looks at how far hookyard is behind
	tolerance   = 2 * time.Second        // of delay that is still well
)

// cellOptions say what to run.
type cellOptions struct {
	topology topology
	fault    fault
	seed     uint64
	rate     float64
	binary   string
	first    string // what the nodes begin with: the same, an older version, or one with a clock that can be shifted
}

func (o cellOptions) name() string { return o.topology.name + "/" + o.fault.name }

// cell is a run under way.
type cell struct {
	*rig
	o         cellOptions
	listeners []*listener

	mu      sync.Mutex // guards what follows
	lastBad time.Time  // when all was not well for the last time
	now     state
}

// run runs one cell. What goes wrong with hookyard is in the result; an error is of this program or its surroundings.
func run(ctx context.Context, o cellOptions) (result, error) {
	res := result{Cell: o.name(), Seed: o.seed}
	began := time.Now()
	r, err := newRig(ctx, o)
	if err == nil {
		c := &cell{rig: r, o: o}
		err = c.torture(ctx, &res)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	var failed *failure
	if errors.As(err, &failed) {
		res.Failure, err = err.Error(), nil
	}
	res.Panics = r.panics()
	res.Took = time.Since(began).Round(time.Second).Seconds()
	return res, errors.Join(err, r.close())
}

// failure is what hookyard could not do and without which the cell cannot go on.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// torture puts the rig under load, lets the fault in and out, waits until all is quiet, and counts.
func (c *cell) torture(ctx context.Context, res *result) error {
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	for i := range 2 {
		l := newListener(c.nodes, i)
		c.listeners = append(c.listeners, l)
		work.Go(func() { l.run(ctx) })
	}
	loadCtx, endLoad := context.WithCancel(ctx)
	var loading sync.WaitGroup
	loading.Go(func() {
		(&load{nodes: c.nodes, ledger: c.ledger, rate: c.o.rate, seed: c.o.seed}).run(loadCtx)
	})
	c.queueLoad(loadCtx, ctx, &loading, &work)
	work.Go(func() { c.watch(ctx) })
	err := c.underLoad(ctx, res)
	endLoad()
	loading.Wait()
	if err != nil {
		return err
	}
	c.drain(ctx)
	err = c.count(ctx, res)
	stop()
	work.Wait()
	c.sum(res)
	return err
}

// watch looks how far hookyard is behind until ctx ends.
func (c *cell) watch(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		s := c.look(now)
		c.mu.Lock()
		c.now = s
		if !s.well() {
			c.lastBad = now
		}
		c.mu.Unlock()
		pause(ctx, look)
	}
}

func (c *cell) state() (now state, lastBad time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, c.lastBad
}

// await waits until f holds, at most for limit, and says whether it does.
func (c *cell) await(ctx context.Context, limit time.Duration, f func() bool) bool {
	err := until(ctx, limit, func() error {
		if !f() {
			return errors.New("not yet")
		}
		return nil
	})
	return err == nil
}

// isWell says whether all has been well for a second.
func (c *cell) isWell() bool {
	now, lastBad := c.state()
	return now.well() && time.Since(lastBad) > time.Second
}

// underLoad lets the fault in and out while the load is on.
func (c *cell) underLoad(ctx context.Context, res *result) error {
	pause(ctx, settle)
	if !c.await(ctx, settleLimit, c.isWell) && ctx.Err() == nil {
		now, _ := c.state()
		return &failure{fmt.Sprintf("before the fault: publishing takes %s, and a delivery is %s late",
			now.waiting.Round(look), now.behind.Round(look))}
	}
	f := c.o.fault
	if f.in != nil {
		if err := f.in(ctx, c.rig); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	window, end := context.WithTimeout(ctx, f.window)
	defer end()
	for f.during != nil && window.Err() == nil {
		if err := f.during(window, c.rig); err != nil && window.Err() == nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	<-window.Done()
	out := time.Now()
	if f.out != nil {
		if err := f.out(ctx, c.rig); err != nil {
			return fmt.Errorf("end of %s: %w", f.name, err)
		}
	}
	first := c.firstAck(ctx, out)
	pause(ctx, after)
	c.await(ctx, recovery, c.isWell)
	_, lastBad := c.state()
	res.Recovery = max(0, lastBad.Sub(out)).Seconds()
	res.FirstAck = first.Seconds()
	return nil
}

// firstAck waits for the first acknowledgement after out and returns how long that took.
func (c *cell) firstAck(ctx context.Context, out time.Time) time.Duration {
	var took time.Duration
	n := 0
	c.await(ctx, recovery, func() bool {
		acked := c.ledger.since(n)
		n += len(acked)
		if len(acked) == 0 || acked[len(acked)-1].at.Before(out) {
			took = time.Since(out)
			return false
		}
		return true
	})
	return took
}

// drain waits until what is owed has arrived and no delivery is pending.
func (c *cell) drain(ctx context.Context) {
	c.await(ctx, drainLimit, func() bool {
		now, _ := c.state()
		if now.behind > 0 {
			return false
		}
		n, err := c.pending(ctx)
		if err == nil && n == 0 {
			return true
		}
		pause(ctx, 5*look) // the list is dear, and hookyard is busy with it
		return false
	})
	acked := c.ledger.since(0)
	c.await(ctx, listenLimit, func() bool {
		for _, l := range c.listeners {
			if l.missed(acked) > 0 {
				pause(ctx, look)
				return false
			}
		}
		return true
	})
}

// pending counts the pending deliveries, up to a page of them.
func (c *cell) pending(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var err error
	for _, n := range c.nodes {
		if !n.current().alive() {
			continue
		}
		var page client.DeliveryPage
		page, err = n.client.Deliveries(ctx, project,
			client.DeliveryQuery{State: hookyard.Pending, Page: client.Page{Limit: 100}})
		if err == nil {
			return len(page.Deliveries), nil
		}
	}
	return 0, err
}

// count compares what was acknowledged with what is kept and what arrived.
func (c *cell) count(ctx context.Context, res *result) error {
	alive := c.nodes[0]
	for _, n := range c.nodes {
		if n.current().alive() {
			alive = n
		}
	}
	kept, err := audit(ctx, alive)
	if err != nil {
		return &failure{fmt.Sprintf("read what is kept: %v", err)}
	}
	if res.Pending, err = c.pending(ctx); err != nil {
		return &failure{fmt.Sprintf("read what is pending: %v", err)}
	}
	acked := c.ledger.since(0)
	res.Acked, res.Kept = len(acked), len(kept)
	for _, times := range kept {
		if times > 1 {
			res.KeptTwice++
		}
	}
	for _, a := range acked {
		if kept[a.key] == 0 {
			res.Lost++
			continue
		}
		for _, rc := range c.receivers {
			if a.key.Flow == rc.flow && !rc.has(a.key) {
				res.Stuck++
			}
		}
	}
	for _, l := range c.listeners {
		res.Gaps += l.missed(acked) + l.gaps
	}
	return nil
}

// sum adds up what was seen from outside. All that runs beside has ended.
func (c *cell) sum(res *result) {
	for _, rc := range c.receivers {
		res.Delivered += len(rc.served)
		res.Twice += rc.repeated
		res.Disorder += len(rc.disorder)
		res.Notes = append(res.Notes, rc.disorder[:min(len(rc.disorder), 5)]...)
	}
	res.Allowed = c.broken * underWay
	res.Statuses = c.ledger.statuses
	res.Slowest = c.ledger.slowest.Seconds()
	res.Hangs = c.ledger.hangs
	res.Memory = c.memory >> 20
}
