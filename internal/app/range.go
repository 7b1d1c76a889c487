package app

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
)

// ranged is the value of an option that is a number in a range. Set refuses what is out of it; so does check, for
// values that did not come by Set.
type ranged[T ~int | ~int64] struct {
	to          *T
	least, most T
	unit        *unit[T]
}

// unit is how numbers of an option are written.
type unit[T any] struct {
	name   string // in usage messages
	parse  func(string) (T, error)
	format func(T) string
}

// count is an option that is a number of things, from least to most; 0 as most is no bound.
func count(to *int, least, most int) pflag.Value {
	return newRanged(to, least, most, &unit[int]{name: "int", format: strconv.Itoa,
		parse: func(s string) (int, error) {
			n, err := strconv.Atoi(s)
			if err != nil {
				return 0, fmt.Errorf("%q is not a whole number", hookyard.Clean(s, 50))
			}
			return n, nil
		}})
}

// size is [count] for a number of bytes, which may be written with a unit.
func size(to *int64, least, most int64) pflag.Value {
	return newRanged(to, least, most,
		&unit[int64]{name: "bytes", parse: hookyard.ParseSize, format: hookyard.FormatSize})
}

// wait is [count] for a duration.
func wait(to *time.Duration, least, most time.Duration) pflag.Value {
	return newRanged(to, least, most, &unit[time.Duration]{name: "duration", parse: hookyard.ParseDuration,
		format: func(d time.Duration) string { return (*hookyard.Duration)(&d).String() }})
}

func newRanged[T ~int | ~int64](to *T, least, most T, u *unit[T]) pflag.Value {
	return &ranged[T]{to: to, least: least, most: most, unit: u}
}

func (r *ranged[T]) Type() string { return r.unit.name }

func (r *ranged[T]) String() string { return r.unit.format(*r.to) }

func (r *ranged[T]) Set(s string) error {
	n, err := r.unit.parse(s)
	if err == nil {
		err = r.in(n)
	}
	if err == nil {
		*r.to = n
	}
	return err
}

func (r *ranged[T]) check() error { return r.in(*r.to) }

func (r *ranged[T]) in(n T) error {
	switch {
	case n >= r.least && (r.most == 0 || n <= r.most):
		return nil
	case r.most > 0:
		return fmt.Errorf("must be between %s and %s", r.unit.format(r.least), r.unit.format(r.most))
	}
	return fmt.Errorf("must be at least %s", r.unit.format(r.least))
}

// checkRanges refuses options that are out of their range, wherever their value comes from.
func (c *Config) checkRanges() error {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Flags(fs)
	var failed error
	fs.VisitAll(func(f *pflag.Flag) {
		r, ok := f.Value.(interface{ check() error })
		if !ok || failed != nil {
			return
		}
		if err := r.check(); err != nil {
			failed = fmt.Errorf("--%s is %s: it %w", f.Name, f.Value, err)
		}
	})
	return failed
}

// Bounds of options.
const (
	leastURL         = 100
	leastSecret      = 64     // generated secrets are shorter
	leastDescription = 20     // as long as that of hooks that were created without one
	deepest          = 10_000 // encoding/json goes no deeper
)
