//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*result)
		want   []string
	}{
		"good":                 {func(*result) {}, nil},
		"duplicates under way": {func(r *result) { r.Twice, r.Allowed = 17, 17 }, nil},
		"a late recovery in time": {
			func(r *result) { r.Recovery, r.Slowest = recoveryLimit.Seconds(), hangLimit.Seconds() }, nil},
		"skipped":           {func(r *result) { *r = result{Skipped: "no PostgreSQL", Lost: 1} }, nil},
		"refusals are good": {func(r *result) { r.Statuses = map[string]int{"503": 1000, "202": 100} }, nil},

		"lost":          {func(r *result) { r.Lost = 1 }, []string{"1 lost"}},
		"kept twice":    {func(r *result) { r.KeptTwice = 2 }, []string{"2 kept twice"}},
		"stuck":         {func(r *result) { r.Stuck, r.Pending = 3, 3 }, []string{"3 stuck"}},
		"pending":       {func(r *result) { r.Pending = 4 }, []string{"4 pending in the end"}},
		"disorder":      {func(r *result) { r.Disorder = 5 }, []string{"5 out of order"}},
		"gaps":          {func(r *result) { r.Gaps = 6 }, []string{"listeners missed 6"}},
		"hangs":         {func(r *result) { r.Hangs, r.Slowest = 7, 10.1 }, []string{"7 hangs, the longest 10.1 s"}},
		"slow recovery": {func(r *result) { r.Recovery = 30.1 }, []string{"recovery took 30.1 s"}},
		"duplicates": {func(r *result) { r.Twice, r.Allowed = 18, 17 },
			[]string{"18 duplicates, at most 17 were under way"}},
		"failure": {func(r *result) { r.Failure, r.Acked = "it did not start", 0 },
			[]string{"it did not start"}},
		"nothing acked": {func(r *result) { r.Acked = 0 }, []string{"nothing was acknowledged"}},
		"panic": {func(r *result) { r.Panics = []string{"node1: panic: no"} },
			[]string{"1 panics: [node1: panic: no]"}},
		"several at once": {func(r *result) { r.Lost, r.Gaps = 1, 1 }, []string{"1 lost", "listeners missed 1"}},
	} {
		r := result{Cell: "sqlite/kill-one", Acked: 100, Kept: 100, Delivered: 200, Recovery: 1}
		c.change(&r)
		if got := judge(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for name, c := range map[string]struct {
		spans    []span
		from, to int
		want     time.Duration
	}{
		"none":          {nil, 0, 10, 0},
		"within":        {[]span{{at(2), at(5)}}, 0, 10, 3 * time.Second},
		"over the ends": {[]span{{at(-5), at(2)}, {at(8), at(20)}}, 0, 10, 4 * time.Second},
		"around":        {[]span{{at(-5), at(20)}}, 0, 10, 10 * time.Second},
		"before, after": {[]span{{at(-5), at(-1)}, {at(11), at(12)}}, 0, 10, 0},
		"lasting":       {[]span{{from: at(7)}}, 0, 10, 3 * time.Second},
	} {
		if got := overlap(c.spans, at(c.from), at(c.to)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestReceiverCounts(t *testing.T) {
	t.Parallel()
	r := &receiver{flow: ordered, served: map[key]bool{}}
	for _, n := range []int{1, 2, 2, 4, 3, 1} {
		r.serve(key{ordered, n})
	}
	if r.repeated != 2 || len(r.disorder) != 1 || len(r.served) != 4 {
		t.Errorf("%d repeated, %d out of order, %d served; want 2, 1, 4", r.repeated, len(r.disorder), len(r.served))
	}
}

func TestBehind(t *testing.T) {
	t.Parallel()
	l, r := newLedger(), &receiver{flow: plain, served: map[key]bool{}}
	for n := range 3 {
		l.begin(key{plain, n + 1})
		l.end(key{plain, n + 1}, n != 1) // the second is given up
	}
	l.end(key{ordered, 1}, true) // not this receiver's
	late := time.Now().Add(time.Minute)
	if d := r.behind(l, late); d < time.Minute {
		t.Errorf("%s behind while nothing was served", d)
	}
	r.serve(key{plain, 1})
	if d := r.behind(l, late); d < time.Minute {
		t.Errorf("%s behind while one is missing", d)
	}
	r.serve(key{plain, 3})
	if d := r.behind(l, late); d != 0 {
		t.Errorf("%s behind when all is served", d)
	}
	if d := l.oldestWait(late); d != 0 {
		t.Errorf("a client waits for %s when all are done", d)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := writeMarkdown(&b, []result{
		{Cell: "sqlite/kill-one", Acked: 100, Delivered: 200, Twice: 1, Allowed: 17, Recovery: .5,
			Statuses: map[string]int{"202": 100, "503": 2, "connection lost": 30}},
		{Cell: "postgres/db-kill", Acked: 3, Failure: "a | b\nc"},
		{Cell: "pgbouncer/soak", Skipped: "pgbouncer is not installed"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := []string{
		"| sqlite/kill-one | 100 | 0 | 0 | 200 | 1 (17) | 0 | 0 | 0 | 0.5 s | 0.0 s " +
			"| 202 × 100, connection lost × 30, 503 × 2 | 0 MiB | good |",
		`| postgres/db-kill | 3 | 0 | 0 | 0 | 0 (0) | 0 | 0 | 0 | 0.0 s | 0.0 s |  | 0 MiB | **a \| b c** |`,
		"| pgbouncer/soak | | | | | | | | | | | | | skipped: pgbouncer is not installed |",
	}
	if got := lines[2:]; !slices.Equal(got, want) {
		t.Errorf("the table's rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
