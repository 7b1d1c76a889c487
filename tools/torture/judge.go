//go:build linux

package main

import (
	"fmt"
	"time"
)

// What hookyard is held to beside losing nothing.
const (
	hangLimit     = 10 * time.Second // for an answer to a client
	recoveryLimit = 30 * time.Second // for all to be well again once the fault is over
)

// result is what one cell came to. Durations are in seconds.
type result struct {
	Cell      string         `json:"cell"`
	Seed      uint64         `json:"seed"`
	Skipped   string         `json:"skipped,omitempty"` // why it was not run
	Failure   string         `json:"failure,omitempty"` // why it could not be run to its end
	Panics    []string       `json:"panics,omitempty"`
	Notes     []string       `json:"notes,omitempty"`
	Acked     int            `json:"acked"`     // events that a client was told are kept
	Kept      int            `json:"kept"`      // events that are
	Lost      int            `json:"lost"`      // acknowledged and not kept
	KeptTwice int            `json:"keptTwice"` // events that are kept more than once
	Delivered int            `json:"delivered"` // deliveries that arrived at least once
	Twice     int            `json:"twice"`     // that arrived again after the receiver had answered 2xx
	Allowed   int            `json:"allowed"`   // of those: what can have been under way when a node was hit
	Stuck     int            `json:"stuck"`     // acknowledged and kept, and not delivered in the end
	Pending   int            `json:"pending"`   // deliveries that are still owed in the end, at most a page of them
	Disorder  int            `json:"disorder"`  // came to the ordered hook for the first time after a later one
	Gaps      int            `json:"gaps"`      // acknowledged events that a listener missed
	FirstAck  float64        `json:"firstAck"`  // from the end of the fault to the first acknowledgement
	Recovery  float64        `json:"recovery"`  // from the end of the fault until nothing was late any more
	Statuses  map[string]int `json:"statuses"`  // what clients saw
	Slowest   float64        `json:"slowest"`   // answer; time in which the node itself was frozen does not count
	Hangs     int            `json:"hangs"`     // requests that took longer than hangLimit
	Memory    int64          `json:"memory"`    // the most that a node had, in MiB
	Took      float64        `json:"took"`
}

// judge returns what is wrong with a result, nothing if it is good or was skipped.
func judge(r result) []string {
	var wrong []string
	add := func(is bool, format string, args ...any) {
		if is {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	if r.Skipped != "" {
		return nil
	}
	add(r.Failure != "", "%s", r.Failure)
	add(len(r.Panics) > 0, "%d panics: %v", len(r.Panics), r.Panics)
	add(r.Failure == "" && r.Acked == 0, "nothing was acknowledged")
	add(r.Lost > 0, "%d lost", r.Lost)
	add(r.KeptTwice > 0, "%d kept twice", r.KeptTwice)
	add(r.Stuck > 0, "%d stuck", r.Stuck)
	add(r.Stuck == 0 && r.Pending > 0, "%d pending in the end", r.Pending)
	add(r.Disorder > 0, "%d out of order", r.Disorder)
	add(r.Gaps > 0, "listeners missed %d", r.Gaps)
	add(r.Hangs > 0, "%d hangs, the longest %.1f s", r.Hangs, r.Slowest)
	add(r.Recovery > recoveryLimit.Seconds(), "recovery took %.1f s", r.Recovery)
	add(r.Twice > r.Allowed, "%d duplicates, at most %d were under way", r.Twice, r.Allowed)
	return wrong
}
