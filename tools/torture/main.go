//go:build linux

// Torture crash-tests hookyard from outside. It starts the real program on loopback, with receivers, listeners and a
// PostgreSQL of its own, puts it under load, lets one thing go wrong, and counts what became of every event that was
// acknowledged. It prints a table and exits with 1 when something in it is wrong.
//
// A cell of the table is a fault on a topology, such as postgres-3/kill-one. What depends on chance depends on the
// seed. Cells whose needs the machine does not meet are skipped, and the table says why. It runs on Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// short are the cells of the short form.
const short = `^(sqlite/(kill-one|freeze-5s|receivers-hostile)|postgres/(kill-one|sigterm)|postgres-3/kill-all)$`

// flags are the command line.
type flags struct {
	binary   string
	cell     string
	long     bool
	seed     uint64
	rate     float64
	soak     time.Duration
	from     string
	markdown string
	json     string
	list     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := torture(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (flags, error) {
	var f flags
	fs := flag.NewFlagSet("torture", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&f.binary, "binary", "bin/hookyard", "the hookyard to torture")
	fs.StringVar(&f.cell, "cell", "", "regular expression of the cells to run (default: the short form's)")
	fs.BoolVar(&f.long, "long", false, "run all cells, which takes hours")
	fs.Uint64Var(&f.seed, "seed", 1, "of all that is left to chance")
	fs.Float64Var(&f.rate, "rate", 100, "events a second")
	fs.DurationVar(&f.soak, "soak", 20*time.Minute, "length of the soak")
	fs.StringVar(&f.from, "from", "",
		"commit to upgrade from (default: the one before the newest change of the schema)")
	fs.StringVar(&f.markdown, "markdown", "", "file for a page with the table, which goes to standard output, too")
	fs.StringVar(&f.json, "json", "", "file for the results as JSON")
	fs.BoolVar(&f.list, "list", false, "print the names of all cells and run none")
	if err := fs.Parse(args); err != nil {
		return f, err
	}
	switch {
	case fs.NArg() > 0:
		return f, fmt.Errorf("%q is not a flag", fs.Arg(0))
	case f.rate <= 0 || f.rate > 10_000:
		return f, errors.New("-rate must be over 0 and at most 10000")
	case f.cell == "" && !f.long:
		f.cell = short
	}
	return f, nil
}

// torture runs the cells that args ask for and writes the table. It returns an error when a cell is bad.
func torture(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parse(args, stderr)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(f.cell)
	if err != nil {
		return fmt.Errorf("-cell: %w", err)
	}
	dir, err := os.MkdirTemp("", "hookyard-torture-builds-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &builds{dir: dir, from: f.from, made: map[string]string{}}
	var results []result
	for _, o := range matrix(f) {
		if !wanted.MatchString(o.name()) {
			continue
		}
		if f.list {
			_, _ = fmt.Fprintln(stdout, o.name())
			continue
		}
		r := one(ctx, b, o)
		if ctx.Err() != nil {
			break
		}
		results = append(results, r)
		tell(stderr, r)
	}
	if f.list {
		return nil
	}
	return errors.Join(write(f, stdout, results), verdict(ctx, results))
}

// matrix lists all cells.
func matrix(f flags) []cellOptions {
	var all []cellOptions
	for _, flt := range faults(f.soak) {
		for _, t := range topologies {
			if flt.on(t) {
				all = append(all, cellOptions{topology: t, fault: flt, seed: f.seed, rate: f.rate, binary: f.binary,
					first: f.binary})
			}
		}
	}
	return all
}

// one runs a cell. What it needs and cannot have is the reason why it was skipped.
func one(ctx context.Context, b *builds, o cellOptions) result {
	if why := missing(o); why != "" {
		return result{Cell: o.name(), Seed: o.seed, Skipped: why}
	}
	var err error
	switch {
	case o.fault.old:
		o.first, err = b.old(ctx)
	case o.fault.clock != 0:
		o.first, err = b.shifted(ctx)
		o.binary = o.first
	}
	if err != nil {
		return result{Cell: o.name(), Seed: o.seed, Skipped: err.Error()}
	}
	r, err := run(ctx, o)
	if err != nil {
		r.Failure = strings.Join([]string{r.Failure, "the test itself: " + err.Error()}, " ")
	}
	return r
}

// missing says why a cell cannot be run on this machine, or "".
func missing(o cellOptions) string {
	if o.topology.postgres() {
		if _, err := postgresBin(); err != nil {
			return err.Error()
		}
		if _, err := serviceUser(); err != nil {
			return err.Error()
		}
	}
	if o.topology.bouncer != "" {
		if _, err := bouncerPath(); err != nil {
			return err.Error()
		}
	}
	if o.fault.broker {
		if _, err := rabbitServer(); err != nil {
			return err.Error()
		}
		if _, err := serviceUser(); err != nil {
			return err.Error()
		}
	}
	if o.fault.smallDisk && os.Getuid() != 0 {
		return "a small disk is mounted as root"
	}
	return ""
}

// tell writes a line about a cell that has ended.
func tell(w io.Writer, r result) {
	switch wrong := judge(r); {
	case r.Skipped != "":
		_, _ = fmt.Fprintf(w, "skip %s: %s\n", r.Cell, inCell(r.Skipped))
	case len(wrong) > 0:
		_, _ = fmt.Fprintf(w, "BAD  %s (%.0f s): %s\n", r.Cell, r.Took, strings.Join(wrong, "; "))
	default:
		_, _ = fmt.Fprintf(w, "good %s (%.0f s): %d acknowledged, %d twice, recovery %.1f s\n", r.Cell, r.Took, r.Acked,
			r.Twice, r.Recovery)
	}
}

// write writes the results to where the flags say.
func write(f flags, stdout io.Writer, results []result) error {
	err := writeMarkdown(stdout, results)
	for _, file := range []struct {
		name  string
		write func(io.Writer, []result) error
	}{{f.markdown, writeDocument}, {f.json, writeJSON}} {
		if file.name == "" {
			continue
		}
		var b strings.Builder
		err = errors.Join(err, file.write(&b, results), os.WriteFile(file.name, []byte(b.String()), 0o644))
	}
	return err
}

// verdict returns an error unless all results are good and something was run.
func verdict(ctx context.Context, results []result) error {
	bad, ran := 0, 0
	for _, r := range results {
		if r.Skipped == "" {
			ran++
		}
		if len(judge(r)) > 0 {
			bad++
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case bad > 0:
		return fmt.Errorf("%d of %d cells are bad", bad, ran)
	case ran == 0:
		return errors.New("no cell was run: see -list for their names")
	}
	return nil
}
