package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// publishers is the number of concurrent publishers.
const publishers = 64

// sample is the result of one load.
type sample struct {
	cpu    time.Duration // of the measured process, per event
	rate   float64       // events per second from the first request to the last arrival
	ack    outcome
	memory int64 // peak, in bytes
}

// through sends n events through a running server, after a warm-up, and waits until all have arrived at each path.
func (y *yardstick) through(ctx context.Context, s *server, path string, n int, arrive ...string) (sample, error) {
	return y.throughAny(ctx, s, func() string { return path }, n, arrive...)
}

// throughAny is [yardstick.through] with a path for each event. What has arrived before is not counted.
func (y *yardstick) throughAny(ctx context.Context, s *server, pick func() string, n int, arrive ...string) (sample,
	error) {
	had := 0
	for _, p := range arrive {
		had = int(y.sink.at(p).count.Load())
	}
	l := load{addr: s.addr, pick: pick, publishers: publishers, body: 1000, events: n / 10}
	if _, err := l.run(ctx); err != nil {
		return sample{}, err
	}
	if err := y.arrived(ctx, had+n/10, arrive); err != nil {
		return sample{}, err
	}
	before, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	peak := s.watchMemory()
	began := time.Now()
	l.events = n
	ack, err := l.run(ctx)
	if err != nil {
		return sample{}, err
	}
	if err := y.arrived(ctx, had+n+n/10, arrive); err != nil {
		return sample{}, err
	}
	took := time.Since(began)
	time.Sleep(200 * time.Millisecond) // the last results are still being stored
	after, err := s.cpu()
	if err != nil {
		return sample{}, err
	}
	if ack.refused > 0 {
		return sample{}, fmt.Errorf("%d of %d events were refused", ack.refused, n)
	}
	return sample{cpu: (after - before) / time.Duration(n), rate: float64(n) / took.Seconds(), ack: ack,
		memory: peak()}, nil
}

// arrived waits until each path has received n requests in total. It gives up after a minute without progress.
func (y *yardstick) arrived(ctx context.Context, n int, paths []string) error {
	for _, p := range paths {
		last, at := int64(-1), time.Now()
		for {
			have := y.sink.at(p).count.Load()
			if have >= int64(n) {
				break
			}
			if have != last {
				last, at = have, time.Now()
			}
			if ctx.Err() != nil || time.Since(at) > time.Minute {
				return fmt.Errorf("%d of %d requests arrived at %s, and none in the last minute", have, n, p)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return nil
}

// watchMemory samples the memory every 50 ms until the returned function is called, which returns the peak.
func (s *server) watchMemory() func() int64 {
	stop, top := make(chan struct{}), make(chan int64)
	go func() {
		highest := int64(0)
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		for {
			highest = max(highest, s.memory())
			select {
			case <-look.C:
			case <-stop:
				top <- highest
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-top }
}

func (y *yardstick) measureRelay(ctx context.Context) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	s, err := y.start(ctx, addr, "bench", "relay", "--listen", addr, "--target", y.sink.url("/relay"))
	if err != nil {
		return err
	}
	defer s.stop()
	if y.relay, err = y.through(ctx, s, "/", y.o.Events, "/relay"); err != nil {
		return err
	}
	y.add("bare relay: CPU per event; events/s", "", true, "%.0f µs; %.0f/s", micro(y.relay.cpu), y.relay.rate)
	return nil
}

func (y *yardstick) measureSQLite(ctx context.Context) error {
	s, err := y.serve(ctx, "")
	if err != nil {
		return err
	}
	defer s.stop()
	idle := s.memory()
	if err := y.project(ctx, s, "bench", "/sqlite"); err != nil {
		return err
	}
	got, err := y.through(ctx, s, publishPath("bench"), y.o.Events, "/sqlite")
	if err != nil {
		return err
	}
	y.lite = got
	r := ratio(micro(got.cpu), micro(y.relay.cpu))
	y.add("CPU per event, SQLite, 1 kB, one hook, 64 publishers", "≤ 2.0 × relay", r <= 2, "%.2f × (%.0f µs)", r,
		micro(got.cpu))
	t := ratio(got.rate, y.relay.rate)
	y.add("events/s through, SQLite", "≥ 0.5 × relay", t >= 0.5, "%.2f × (%.0f/s)", t, got.rate)
	y.add("resident memory, idle", "≤ 40 MB", idle <= 40e6, "%s", mega(idle))
	y.add("resident memory, full load", "≤ 150 MB", got.memory <= 150e6, "%s", mega(got.memory))
	return nil
}

func (y *yardstick) measurePostgres(ctx context.Context) error {
	if y.o.Postgres == "" {
		y.add("CPU per event, PostgreSQL", "≤ 2.5 × relay", false, "not measured: no --postgres URL")
		return nil
	}
	s, err := y.serve(ctx, y.o.Postgres)
	if err != nil {
		return err
	}
	defer s.stop()
	name := fmt.Sprintf("bench%d", time.Now().UnixNano())
	if err := y.project(ctx, s, name, "/postgres"); err != nil {
		return err
	}
	got, err := y.through(ctx, s, publishPath(name), y.o.Events, "/postgres")
	if err != nil {
		return err
	}
	r := ratio(micro(got.cpu), micro(y.relay.cpu))
	y.add("CPU per event, PostgreSQL (hookyard's process)", "≤ 2.5 × relay", r <= 2.5, "%.2f × (%.0f µs), %.0f/s", r,
		micro(got.cpu), got.rate)
	return nil
}

// measureAck publishes at half the maximum rate.
func (y *yardstick) measureAck(ctx context.Context) error {
	s, err := y.serve(ctx, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := y.project(ctx, s, "bench", "/ack"); err != nil {
		return err
	}
	rate := y.lite.rate / 2
	if rate == 0 {
		rate = 1500
	}
	l := load{addr: s.addr, path: publishPath("bench"), publishers: publishers, body: 1000, rate: rate,
		duration: 10 * time.Second}
	got, err := l.run(ctx)
	if err != nil {
		return err
	}
	p := got.p(.99)
	y.add("acknowledged, p99 at half the top rate", "≤ 25 ms", p <= 25*time.Millisecond, "%s (p50 %s, %.0f/s)",
		milli(p), milli(got.p(.5)), rate)
	return nil
}

// measureIdle publishes one event at a time and measures the time until it reaches the receiver.
func (y *yardstick) measureIdle(ctx context.Context) error {
	s, err := y.serve(ctx, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := y.project(ctx, s, "bench", "/idle"); err != nil {
		return err
	}
	l := load{addr: s.addr, path: publishPath("bench"), publishers: 1, body: 1000, rate: 50, events: 200}
	got, err := l.run(ctx)
	if err != nil {
		return err
	}
	if err := y.arrived(ctx, 200, []string{"/idle"}); err != nil {
		return err
	}
	whole, _ := y.sink.at("/idle").percentiles()
	after := max(0, whole-got.p(.5)) // from the request to the receiver, minus the acknowledgement
	y.add("first byte to the receiver after acceptance, p50 idle", "≤ 5 ms", after <= 5*time.Millisecond,
		"%s (%s from the request on)", milli(after), milli(whole))
	return nil
}

func (y *yardstick) measureFanOut(ctx context.Context) error {
	s, err := y.serve(ctx, "")
	if err != nil {
		return err
	}
	defer s.stop()
	paths := []string{"/fan1", "/fan2", "/fan3", "/fan4", "/fan5"}
	if err := y.project(ctx, s, "one", "/fan0"); err != nil {
		return err
	}
	if err := y.project(ctx, s, "five", paths...); err != nil {
		return err
	}
	n := y.o.Events / 3
	one, err := y.through(ctx, s, publishPath("one"), n, "/fan0")
	if err != nil {
		return err
	}
	five, err := y.through(ctx, s, publishPath("five"), n, paths...)
	if err != nil {
		return err
	}
	further := (five.cpu - one.cpu) / 4
	r := ratio(micro(further), micro(one.cpu))
	y.add("fan-out: each further hook against the event with its first", "≤ 0.7 ×", r <= 0.7,
		"%.2f × (%.0f µs, first %.0f µs)", r, micro(further), micro(one.cpu))
	return nil
}

// measureNeighbours measures eight healthy hooks alone, then beside a dead one and one that takes ten seconds.
func (y *yardstick) measureNeighbours(ctx context.Context) error {
	healthy := func(prefix string) []string {
		var out []string
		for i := range 8 {
			out = append(out, fmt.Sprintf("/%s%d", prefix, i))
		}
		return out
	}
	run := func(prefix string, troubled bool) (time.Duration, error) {
		s, err := y.serve(ctx, "")
		if err != nil {
			return 0, err
		}
		defer s.kill() // not stop: attempts to the slow hook are still running
		paths := healthy(prefix)
		if err := y.project(ctx, s, "bench", paths...); err != nil {
			return 0, err
		}
		if troubled {
			y.sink.at("/slow").delay = 10 * time.Second
			dead, err := freeAddr()
			if err != nil {
				return 0, err
			}
			for id, url := range map[string]string{"slow": y.sink.url("/slow"), "dead": "http://" + dead + "/"} {
				if err := s.put(ctx, "/api/projects/guest/bench/hooks/"+id,
					map[string]any{"url": url, "events": "all"}); err != nil {
					return 0, err
				}
			}
		}
		l := load{addr: s.addr, path: publishPath("bench"), publishers: 8, body: 1000, rate: 100,
			duration: 10 * time.Second}
		got, err := l.run(ctx)
		if err != nil {
			return 0, err
		}
		if err := y.arrived(ctx, got.acked, paths); err != nil {
			return 0, err
		}
		var all []time.Duration
		for _, p := range paths {
			all = append(all, y.sink.at(p).took...)
		}
		slices.Sort(all)
		return all[len(all)*99/100], nil
	}
	alone, err := run("alone", false)
	if err != nil {
		return err
	}
	beside, err := run("beside", true)
	if err != nil {
		return err
	}
	r := ratio(float64(beside), float64(alone))
	y.add("healthy hooks' p99 with a dead and a slow one among ten", "≤ 1.2 × alone", r <= 1.2, "%.2f × (%s, alone %s)",
		r, milli(beside), milli(alone))
	return nil
}

// fill publishes n events in batches of a thousand.
func (y *yardstick) fill(ctx context.Context, s *server, project string, n int) error {
	one := `{"type":"bench.filler","data":{"text":"` + strings.Repeat("x", 200) + `"}}`
	list := "[" + strings.TrimSuffix(strings.Repeat(one+",", 1000), ",") + "]"
	for done := 0; done < n; done += 1000 {
		if err := s.call(ctx, http.MethodPost, publishPath(project), rawJSON(list)); err != nil {
			return err
		}
	}
	return nil
}

type rawJSON string

// MarshalJSON returns the text unchanged.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// measureStored compares the cost of an event in a small and a large database.
func (y *yardstick) measureStored(ctx context.Context) error {
	s, err := y.serve(ctx, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := y.project(ctx, s, "filler"); err != nil {
		return err
	}
	if err := y.fill(ctx, s, "filler", 10_000); err != nil {
		return err
	}
	if err := y.project(ctx, s, "few", "/few"); err != nil {
		return err
	}
	few, err := y.through(ctx, s, publishPath("few"), y.o.Events/2, "/few")
	if err != nil {
		return err
	}
	y.say("storing %d events", y.o.Stored)
	if err := y.fill(ctx, s, "filler", y.o.Stored); err != nil {
		return err
	}
	if err := y.project(ctx, s, "many", "/many"); err != nil {
		return err
	}
	many, err := y.through(ctx, s, publishPath("many"), y.o.Events/2, "/many")
	if err != nil {
		return err
	}
	r := ratio(micro(many.cpu), micro(few.cpu))
	y.add(fmt.Sprintf("cost per event with %d events stored against 10,000", y.o.Stored), "≤ 1.15 ×", r <= 1.15,
		"%.2f × (%.0f µs, %.0f µs)", r, micro(many.cpu), micro(few.cpu))
	return nil
}

// measurePending leaves deliveries pending for a hook with a very low rate, and measures the memory and a restart.
func (y *yardstick) measurePending(ctx context.Context) error {
	database := y.dir + "/pending.db"
	s, err := y.serve(ctx, database)
	if err != nil {
		return err
	}
	stop := func() { s.kill() }
	defer func() { stop() }()
	if err := y.project(ctx, s, "bench"); err != nil {
		return err
	}
	slow := map[string]any{"url": y.sink.url("/pending"), "events": "all", "rate": 0.01}
	if err := s.put(ctx, "/api/projects/guest/bench/hooks/slow", slow); err != nil {
		return err
	}
	y.say("leaving %d deliveries pending", y.o.Stored)
	peak := s.watchMemory()
	if err := y.fill(ctx, s, "bench", y.o.Stored); err != nil {
		return err
	}
	peak()
	memory := s.memory()
	y.add(fmt.Sprintf("resident memory with %d deliveries pending", y.o.Stored), "≤ 250 MB", memory <= 250e6, "%s",
		mega(memory))
	s.kill()
	have := int(y.sink.at("/pending").count.Load())
	began := time.Now()
	if s, err = y.serve(ctx, database); err != nil {
		stop = func() {}
		return err
	}
	stop = func() { s.kill() }
	if err := y.arrived(ctx, have+1, []string{"/pending"}); err != nil {
		return err
	}
	took := time.Since(began)
	y.add(fmt.Sprintf("start with %d deliveries pending to the first send", y.o.Stored), "≤ 2 s", took <= 2*time.Second,
		"%.2f s", took.Seconds())
	return nil
}
