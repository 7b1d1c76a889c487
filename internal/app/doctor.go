package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// Status is the result of a [Check].
type Status string

// The results. With Warn the server works, but something may be wrong or will be; with Fail it does not start or not
// work.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing that [Diagnose] looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Found  string `json:"found"`            // in words
	Advice string `json:"advice,omitempty"` // what to do about it; "" if ok
}

// doctor collects checks.
type doctor struct {
	config    *Config
	userAgent string
	reach     string
	checks    []Check
	serves    bool // a hookyard answers on --listen
}

func (d *doctor) ok(name, format string, args ...any) {
	d.checks = append(d.checks, Check{Name: name, Status: OK, Found: fmt.Sprintf(format, args...)})
}

// bad adds a check that is not ok.
func (d *doctor) bad(status Status, name string, found error, advice string) {
	d.checks = append(d.checks, Check{Name: name, Status: status, Found: found.Error(), Advice: advice})
}

// Diagnose looks at what a server with this configuration depends on: the database, the clocks, the key, the disk, DNS,
// the way to receivers, the ports and the base URL. It changes nothing, so a server may be running. reach is a URL that
// the way to receivers is tried with; "" skips that. config must be complete.
func Diagnose(ctx context.Context, config Config, version, reach string) []Check {
	d := &doctor{config: &config, userAgent: "hookyard/" + version, reach: reach}
	d.database(ctx)
	d.disk()
	d.network(ctx)
	d.port(ctx)
	d.aside("metrics", "metrics-listen", d.config.MetricsListen)
	d.aside("redirect", "redirect-http", d.config.RedirectHTTP)
	d.baseURL(ctx)
	return d.checks
}

// database checks the database, its clock and its key.
func (d *doctor) database(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	keys, err := readKeys(d.config.SecretKeyFile)
	if err != nil {
		d.bad(Fail, "key", err, "put the key that belongs to the database there, readable by the server's user")
	}
	in, failed := store.Inspect(ctx, d.config.Database, store.Options{Key: keys.current, OldKeys: keys.old,
		NewKey: keys.create, Connections: d.config.DatabaseConnections})
	if failed != nil {
		d.bad(Fail, "database", failed, "see that --database is right, that the database runs and that its user and "+
			"password are valid")
		return
	}
	if err == nil {
		d.key(in, &keys)
	}
	d.schema(in)
	switch {
	case in.Write != nil:
		d.bad(Fail, "commits", fmt.Errorf("the database cannot be written: %w", in.Write),
			"let the server's user write and create tables, and run this command as the server's user; a standby or "+
				"a read-only file system cannot serve")
	case len(in.Commits) > 0:
		d.commits(in.Commits)
	}
	if d.config.IsPostgres() {
		d.clock(in.Ahead)
	}
}

func (d *doctor) schema(in *store.Inspection) {
	what := in.Version
	if in.InUse {
		what += ", in use by a server"
	}
	switch {
	case in.Version == "":
		d.ok("database", "%s does not exist yet; the first start creates it", hookyard.MaskPassword(d.config.Database))
	case in.Schema > in.Known:
		d.bad(Fail, "database", fmt.Errorf("%s: its schema has version %d and this program knows up to %d", what,
			in.Schema, in.Known), "use the newer program")
	case in.Schema == 0:
		d.ok("database", "%s, empty; the first start creates the tables", what)
	case in.Schema < in.Known:
		d.bad(Warn, "database", fmt.Errorf("%s: its schema has version %d; the next start of this program upgrades it "+
			"to %d", what, in.Schema, in.Known), "make a backup before: older programs do not start on it afterwards")
	default:
		d.ok("database", "%s, schema version %d, %s", what, in.Schema, sizeText(in.Size))
	}
}

// slowCommit is the p99 from which commits are named slow. Every response to a sender waits for one.
const slowCommit = 100 * time.Millisecond

func (d *doctor) commits(took []time.Duration) {
	p50, p99 := took[len(took)/2], took[(len(took)*99-1)/100]
	text := fmt.Sprintf("%s: p50 %s, p99 %s", hookyard.Count(len(took), "commit"), p50.Round(10*time.Microsecond),
		p99.Round(10*time.Microsecond))
	if p99 > slowCommit {
		d.bad(Warn, "commits", errors.New(text), "senders wait for a commit: use a disk that flushes faster (no "+
			"network file system), or a database that is nearer")
		return
	}
	d.ok("commits", "%s", text)
}

// How far the clocks of a node and of the database may be apart. Beyond the second, nodes that live are taken for dead.
const (
	clockNoted = 5 * time.Second
	clockLimit = time.Minute
)

func (d *doctor) clock(ahead time.Duration) {
	text := fmt.Sprintf("the database's clock is %s ahead of this machine's", ahead.Round(time.Millisecond))
	if ahead < 0 {
		text = fmt.Sprintf("the database's clock is %s behind this machine's", (-ahead).Round(time.Millisecond))
	}
	if ahead.Abs() <= clockNoted {
		d.ok("clock", "%s", text)
		return
	}
	status := Warn
	if ahead.Abs() > clockLimit {
		status = Fail
	}
	d.bad(status, "clock", errors.New(text), "synchronise both clocks, for example with chrony: retries and "+
		"signatures depend on them")
}

// key checks that the key opens what the database holds.
func (d *doctor) key(in *store.Inspection, keys *keys) {
	from := keys.file
	if from == "" {
		from = keyVariable
	}
	switch {
	case in.Key != nil:
		d.bad(Fail, "key", in.Key, "")
	case keys.create != nil:
		d.ok("key", "%s does not exist yet; the next start creates it", d.config.SecretKeyFile)
	case in.Schema == 0:
		d.ok("key", "%s has a key, and nothing is encrypted yet", from)
	case in.Schema > in.Known:
	default:
		d.ok("key", "%s has the key of this database; keep a copy apart from the backups", from)
	}
}

// How much of a disk has to be free.
const (
	diskNoted = 1 << 30
	diskLimit = 100 << 20
)

// disk checks the space where files are written.
func (d *doctor) disk() {
	dir, may := d.config.Data, int64(0)
	if !d.config.IsPostgres() {
		dir = filepath.Dir(d.config.Database)
		info, err := os.Stat(d.config.Database)
		if may = d.config.RetentionBytes; err == nil && may > 0 {
			may = max(0, may-info.Size())
		}
	}
	free, err := freeSpace(dir)
	if err != nil {
		d.bad(Warn, "disk", err, "look yourself how much is free on it")
		return
	}
	text := fmt.Errorf("%s free for %s", sizeText(free), dir)
	switch {
	case free < diskLimit:
		d.bad(Fail, "disk", text, "free some space: with a full disk, senders get 503")
	case free < diskNoted:
		d.bad(Warn, "disk", text, "free some space before the disk is full: senders get 503 then")
	case free < may:
		d.bad(Warn, "disk", fmt.Errorf("%w, while --retention-bytes %s lets the database grow by %s", text,
			sizeText(d.config.RetentionBytes), sizeText(may)), "lower --retention-bytes, or make the disk larger")
	default:
		d.ok("disk", "%v", text)
	}
}

// sizeText writes a size with one decimal place.
func sizeText(n int64) string {
	for _, u := range hookyard.SizeUnits {
		if n >= u.Size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.Size), u.Name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
