package hookyard

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LimitName names one limit of a [Quota].
type LimitName string

// The limits of a [Quota].
const (
	LimitEvents    LimitName = "eventsPerSecond"   // events accepted, on each node
	LimitBurst     LimitName = "burst"             // events accepted at once; 0: as many as in a second
	LimitDay       LimitName = "bytesPerDay"       // of the bodies of events accepted since midnight UTC
	LimitKept      LimitName = "keptBytes"         // of events and attempts that are stored
	LimitHooks     LimitName = "hooks"             // that exist
	LimitPending   LimitName = "pendingDeliveries" // beyond which no event is accepted that opens another
	LimitListeners LimitName = "listeners"         // connected, on each node
)

// LimitNames are the names of all limits, in the order in which they are shown.
var LimitNames = [...]LimitName{LimitEvents, LimitBurst, LimitDay, LimitKept, LimitHooks, LimitPending, LimitListeners}

// IsBytes reports whether the limit is a number of bytes.
func (n LimitName) IsBytes() bool { return n == LimitDay || n == LimitKept }

// Quota holds limits of a project, or of all projects of an owner together. A limit of 0 is no limit; one that is
// missing is the default.
type Quota map[LimitName]int64

// maxLimit is the highest value of a limit: JSON numbers are exact up to it.
const maxLimit = 1 << 53

// Set sets a limit. It fails with [Invalid] for a name that there is not and for a value out of range.
func (q Quota) Set(name LimitName, value int64) error {
	if !slices.Contains(LimitNames[:], name) {
		names := make([]string, len(LimitNames))
		for i, n := range LimitNames {
			names[i] = string(n)
		}
		return FieldErrorf(Clean(string(name), 50), "limit %q is not known; it must be one of %s",
			Clean(string(name), 50), strings.Join(names, ", "))
	}
	if value < 0 || value > maxLimit {
		return FieldErrorf(string(name), "%s must be between 0, which is no limit, and %d", name, int64(maxLimit))
	}
	q[name] = value
	return nil
}

// Or returns the limits of q, and those of the defaults for what q does not have, without those that are 0.
func (q Quota) Or(defaults Quota) Quota {
	out := Quota{}
	for _, name := range LimitNames {
		value, ok := q[name]
		if !ok {
			value = defaults[name]
		}
		if value > 0 {
			out[name] = value
		}
	}
	return out
}

// TenantKey identifies what has a quota: a project or a source by its key, or an owner by name in lower case.
type TenantKey struct {
	Project int64
	Owner   string
	Source  int64
}

// Tenants returns the keys of a project and its owner.
func (p *Project) Tenants() [2]TenantKey {
	return [...]TenantKey{{Project: p.Key}, {Owner: strings.ToLower(p.Owner)}}
}

// Tenant returns the limit of a source with a rate.
func (s *Source) Tenant() Tenant {
	return Tenant{TenantKey: TenantKey{Source: s.Key}, Name: "source " + s.Project + "/" + s.Name,
		Quota: Quota{LimitEvents: s.Rate}}
}

// Tenant is what has a quota.
type Tenant struct {
	TenantKey
	Name  string // for messages: "project acme/shop", "owner acme"
	Quota Quota  // the limits that hold, as [Quota.Or] returns them
	Own   Quota  // those that are set for this tenant
}

// IsMetered reports whether the tenant has limits besides that of hooks, so that events and listeners are counted.
func (t *Tenant) IsMetered() bool {
	for name := range t.Quota {
		if name != LimitHooks && name != LimitBurst {
			return true
		}
	}
	return false
}

// Use is what a tenant uses of its limits, or what it is about to use.
type Use struct {
	Events    int64 // in a second
	Day       int64
	Kept      int64
	Hooks     int64
	Pending   int64
	Listeners int64
}

// Of returns what is used of a limit.
func (u Use) Of(name LimitName) int64 {
	switch name {
	case LimitEvents:
		return u.Events
	case LimitDay:
		return u.Day
	case LimitKept:
		return u.Kept
	case LimitHooks:
		return u.Hooks
	case LimitPending:
		return u.Pending
	case LimitListeners:
		return u.Listeners
	}
	return 0
}

// Plus returns the sum of two uses, each limit for itself.
func (u Use) Plus(v Use) Use {
	return Use{Events: u.Events + v.Events, Day: u.Day + v.Day, Kept: u.Kept + v.Kept, Hooks: u.Hooks + v.Hooks,
		Pending: u.Pending + v.Pending, Listeners: u.Listeners + v.Listeners}
}

// Minus returns the difference of two uses, each limit for itself.
func (u Use) Minus(v Use) Use {
	return u.Plus(Use{Events: -v.Events, Day: -v.Day, Kept: -v.Kept, Hooks: -v.Hooks, Pending: -v.Pending,
		Listeners: -v.Listeners})
}

// How long a caller who is beyond a limit that does not pass with time waits until it is worth to try again.
const (
	wakeRetry = 10 * time.Second // what is pending or connected ends soon
	freeRetry = time.Minute      // somebody deletes, or retention does
)

// Check returns a [TooMany] error if a tenant that uses used may not have more, or nil. It leaves out LimitEvents,
// which a [Bucket] counts. While nothing is pending, a request may open more deliveries than the limit: it would never
// be accepted otherwise. What alone is beyond a limit of bytes never fits: the error is [TooLarge] then.
func (t *Tenant) Check(used, more Use, now time.Time) error {
	for _, name := range LimitNames {
		limit, n := t.Quota[name], more.Of(name)
		if limit == 0 || n == 0 || name == LimitEvents || used.Of(name)+n <= limit ||
			name == LimitPending && used.Pending == 0 {
			continue
		}
		wait := freeRetry
		switch name {
		case LimitDay:
			wait = now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
		case LimitPending, LimitListeners:
			wait = wakeRetry
		}
		if name.IsBytes() && n > limit {
			err := t.excess(name, used.Of(name), 0)
			err.Code, err.Message = TooLarge, fmt.Sprintf("%d bytes are more than fits at any time; %s", n, err.Message)
			return err
		}
		return t.excess(name, used.Of(name), wait)
	}
	return nil
}

// CheckRate returns a [TooMany] error if the bucket of a tenant does not have n events, with the time after which it
// has them, or nil.
func (t *Tenant) CheckRate(b *Bucket, n int64, now time.Time) error {
	rate := t.Quota[LimitEvents]
	if rate == 0 || n == 0 {
		return nil
	}
	if wait := b.Wait(n, rate, t.burst(), now); wait > 0 {
		return t.excess(LimitEvents, b.Used(), wait)
	}
	return nil
}

func (t *Tenant) burst() int64 { return cmp.Or(t.Quota[LimitBurst], t.Quota[LimitEvents]) }

// Excess says which limit a refused request is beyond.
type Excess struct {
	Name  LimitName `json:"name" doc:"eventsPerSecond, bytesPerDay, keptBytes, hooks, pendingDeliveries or listeners"`
	Of    string    `json:"of" doc:"what has the limit, for example: project acme/shop, or: owner acme"`
	Value int64     `json:"value"`
	Used  int64     `json:"used"`
}

func (t *Tenant) excess(name LimitName, used int64, wait time.Duration) *Error {
	value := t.Quota[name]
	return &Error{Code: TooMany, RetryAfter: wait,
		Excess: &Excess{Name: name, Of: t.Name, Value: value, Used: used},
		Message: fmt.Sprintf("limit %s of %s is %s, and %s are used: %s", name, t.Name, name.Format(value),
			name.Format(used), t.raise(name))}
}

// raise says who can raise a limit and how.
func (t *Tenant) raise(name LimitName) string {
	_, path, _ := strings.Cut(t.Name, " ")
	if t.Source != 0 {
		i := strings.LastIndex(path, "/")
		return "who may write in the project can raise it: hookyard source update " + path[i+1:] + " -p " + path[:i] +
			" --rate N"
	}
	text := "an administrator of the server can raise it: hookyard limits set " + path + " " + string(name) + "=N"
	if _, own := t.Own[name]; own {
		return text
	}
	return text + ", or for all (setting: " + defaultSetting(t.Owner != "", name) + ")"
}

func defaultSetting(ofOwner bool, name LimitName) string {
	switch {
	case ofOwner:
		return "--owner-limit"
	case name == LimitHooks:
		return "--max-hooks"
	}
	return "--project-limit"
}

// Bucket counts events against a rate. It fills with time, up to the burst. The zero value is full. It is not safe for
// concurrent use.
type Bucket struct {
	debt float64 // events taken that have not come back
	at   time.Time
}

// Wait returns how long to wait until n events may be taken, 0 if they may now. More than the burst may be taken when
// the bucket is full: what comes after them waits for longer.
func (b *Bucket) Wait(n, rate, burst int64, now time.Time) time.Duration {
	if passed := now.Sub(b.at); passed > 0 {
		b.debt = max(0, b.debt-passed.Seconds()*float64(rate))
		b.at = now
	}
	over := b.debt + float64(min(n, burst)) - float64(burst)
	if over <= 1e-6 {
		return 0
	}
	return time.Duration(over/float64(rate)*float64(time.Second)) + 1
}

// Take takes n events.
func (b *Bucket) Take(n int64) { b.debt += float64(n) }

// Give gives back n events that were taken.
func (b *Bucket) Give(n int64) { b.debt = max(0, b.debt-float64(n)) }

// Used returns how many events were taken and have not come back.
func (b *Bucket) Used() int64 { return int64(b.debt + 0.5) }

// SizeUnits are the units of sizes, the largest first.
var SizeUnits = [...]struct {
	Name string
	Size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// ParseSize reads a number of bytes, which may have a unit: 25MiB, 20GiB.
func ParseSize(s string) (int64, error) {
	text, factor := strings.TrimSpace(s), int64(1)
	for _, u := range SizeUnits {
		if t, ok := strings.CutSuffix(text, u.Name); ok {
			text, factor = strings.TrimSpace(t), u.Size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is not a size: write for example 1048576, 25MiB or 20GiB", s)
	}
	return n * factor, nil
}

// FormatSize writes a number of bytes as [ParseSize] reads it, with the largest unit that divides it.
func FormatSize(n int64) string {
	for _, u := range SizeUnits {
		if n != 0 && n%u.Size == 0 {
			return fmt.Sprintf("%d%s", n/u.Size, u.Name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// FormatLimit writes a limit as [ParseLimit] reads it.
func FormatLimit(name LimitName, value int64) string { return string(name) + "=" + name.Format(value) }

// Format writes a value of the limit, bytes with a unit.
func (n LimitName) Format(value int64) string {
	if n.IsBytes() {
		return FormatSize(value)
	}
	return strconv.FormatInt(value, 10)
}

// ParseLimit reads NAME=VALUE, where the value of a limit of bytes may have a unit, and returns both.
func ParseLimit(text string) (LimitName, int64, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return "", 0, fmt.Errorf("%q is not a limit: write NAME=VALUE, for example %s=100", text, LimitEvents)
	}
	parse := func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
	if LimitName(name).IsBytes() {
		parse = ParseSize
	}
	n, err := parse(strings.TrimSpace(value))
	if err != nil && LimitName(name).IsBytes() {
		return "", 0, fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%s: %q is not a whole number", name, value)
	}
	return LimitName(name), n, Quota{}.Set(LimitName(name), n)
}
