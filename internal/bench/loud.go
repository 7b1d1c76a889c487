package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A loud project publishes loudRate events a second beside a quiet one, and pauses, in turns: what else the machine
// does affects the quiet one in both.
const (
	loudRate   = 3000
	quietRate  = 40
	loudRounds = 6
	loudRound  = 2 * time.Second
)

// latencies are those of a project's events, sorted.
type latencies struct {
	ack   []time.Duration // to the acknowledgement
	whole []time.Duration // to the receiver
}

func percentile(sorted []time.Duration, q float64) time.Duration {
	return outcome{latency: sorted}.p(q)
}

// measureLoud measures a quiet project alone and beside a loud one on the same server.
func (y *yardstick) measureLoud(ctx context.Context) error {
	if err := y.measureLoudOn(ctx, "SQLite", ""); err != nil || y.o.Postgres == "" {
		return err
	}
	return y.measureLoudOn(ctx, "PostgreSQL", y.o.Postgres)
}

func (y *yardstick) measureLoudOn(ctx context.Context, name, database string) error {
	s, err := y.serve(ctx, database)
	if err != nil {
		return err
	}
	defer s.stop()
	stamp := time.Now().UnixNano()
	loud, quiet := fmt.Sprint("loud", stamp), []string{fmt.Sprint("alone", stamp), fmt.Sprint("beside", stamp)}
	for _, project := range append(quiet, loud) {
		if err := y.project(ctx, s, project, "/"+project); err != nil {
			return err
		}
	}
	var got [2]latencies
	acked, elapsed := 0, time.Duration(0)
	for range loudRounds {
		if err := y.publishQuietly(ctx, s, quiet[0], &got[0]); err != nil {
			return err
		}
		l := load{addr: s.addr, path: publishPath(loud), publishers: publishers, body: 1000, rate: loudRate,
			duration: loudRound + time.Second}
		var o outcome
		ended := make(chan error, 1)
		go func() {
			var err error
			o, err = l.run(ctx)
			ended <- err
		}()
		time.Sleep(time.Second / 2) // until the load is steady
		err := y.publishQuietly(ctx, s, quiet[1], &got[1])
		if err = errors.Join(err, <-ended); err != nil {
			return err
		}
		acked, elapsed = acked+o.acked, elapsed+o.elapsed
		if err := y.arrived(ctx, acked, []string{"/" + loud}); err != nil {
			return err
		}
	}
	y.say("the loud project published %.0f events/s", float64(acked)/elapsed.Seconds())
	y.addLoud("acknowledged, "+name, got[0].ack, got[1].ack)
	y.addLoud("delivered, "+name, got[0].whole, got[1].whole)
	return nil
}

func (y *yardstick) addLoud(what string, alone, beside []time.Duration) {
	r := ratio(float64(percentile(beside, .99)), float64(percentile(alone, .99)))
	y.add(fmt.Sprintf("a quiet project beside one with %d events/s: p99 %s", loudRate, what), "≤ 1.5 × alone", r <= 1.5,
		"%.2f × (%s, alone %s; p50 %s, alone %s)", r, milli(percentile(beside, .99)), milli(percentile(alone, .99)),
		milli(percentile(beside, .5)), milli(percentile(alone, .5)))
}

// publishQuietly publishes to a project for a round and adds how long that took.
func (y *yardstick) publishQuietly(ctx context.Context, s *server, project string, to *latencies) error {
	l := load{addr: s.addr, path: publishPath(project), publishers: 4, body: 1000, rate: quietRate, duration: loudRound}
	got, err := l.run(ctx)
	if err != nil {
		return err
	}
	to.ack = append(to.ack, got.latency...)
	slices.Sort(to.ack)
	if err := y.arrived(ctx, len(to.ack), []string{"/" + project}); err != nil {
		return err
	}
	to.whole = y.sink.at("/" + project).sorted()
	return nil
}
