package gitpush

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits of one push, GitHub's. The bytes leave room for the envelope within a server's default limit on a body.
const (
	maxCommits = 2048
	maxBytes   = 24 << 20
)

// Options are what [Read] needs to know besides the repository.
type Options struct {
	Project    string   // owner/name
	URL        string   // of the repository's page, without a slash at the end
	Environ    []string // of the hook: says who pushes
	Now        time.Time
	MaxCommits int // listed of one push; 0 means 2,048
	MaxBytes   int // of the push as JSON, roughly; 0 means 24 MiB
}

// Read reads the lines that git gives a post-receive hook and looks into the repository. There is one Push for them
// all, nil when there are no lines. When the repository cannot be looked into, both results are set: the push then says
// what the lines say.
func Read(ctx context.Context, dir string, lines io.Reader, o Options) (*Push, error) {
	updates, total, err := parseLines(lines)
	if err != nil || len(updates) == 0 {
		return nil, err
	}
	o.MaxCommits, o.MaxBytes = cmp.Or(o.MaxCommits, maxCommits), cmp.Or(o.MaxBytes, maxBytes)
	r := reader{git: newGit(dir, o.Environ), o: o, updates: updates}
	p := &Push{updates: updates, Commits: []Commit{}}
	if r.config, err = r.readConfig(ctx); err == nil {
		err = r.look(ctx, p)
	}
	if err != nil {
		p.CommitsTruncated = true
		err = fmt.Errorf("the repository cannot be looked into: %w", err)
	}
	r.name(ctx, p, total)
	return p, err
}

// reader looks into one repository for one push.
type reader struct {
	git
	o       Options
	config  map[string]string // keys as git lists them, in lower case
	updates []update
	others  []string            // what the refs that were not pushed point to
	heads   map[string][]string // object -> branches that point to it
}

// readConfig reads the repository's configuration, the user's and the system's included.
func (g git) readConfig(ctx context.Context) (map[string]string, error) {
	out, err := g.run(ctx, nil, "config", "-z", "--list")
	config := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		config[key] = value
	}
	return config, err
}

// name fills in everything that is not about commits.
func (r *reader) name(ctx context.Context, p *Push, total int) {
	main := r.updates[r.subject()]
	p.Ref, p.Before, p.After = main.ref, main.before, main.after
	p.Created, p.Deleted = main.created(), main.deleted()
	refs := make([]Ref, len(r.updates))
	for i := range r.updates {
		refs[i] = r.ref(ctx, &r.updates[i])
	}
	p.Forced, p.BaseRef, p.Compare = refs[r.subject()].Forced, refs[r.subject()].BaseRef, refs[r.subject()].Compare
	if len(refs) > 1 {
		p.Refs = refs
	}
	if total > len(refs) {
		p.TotalRefs = total
	}
	p.Pusher = r.pusher()
	p.Sender = Sender{Login: p.Pusher.Name, ID: number(p.Pusher.Name), Type: "User"}
	p.Repository = r.repository(ctx)
}

// subject is the update that the push is named after: the first that left something there.
func (r *reader) subject() int {
	return max(0, slices.IndexFunc(r.updates, func(u update) bool { return !u.deleted() }))
}

func (r *reader) ref(ctx context.Context, u *update) Ref {
	out := Ref{Ref: u.ref, Before: u.before, After: u.after, Created: u.created(), Deleted: u.deleted()}
	out.Forced = r.forced(ctx, u)
	short := u.before[:12] + "..." + u.after[:12]
	if u.created() {
		out.BaseRef = r.baseRef(u)
		short = pathEscape(strings.TrimPrefix(strings.TrimPrefix(u.ref, "refs/heads/"), "refs/tags/"))
	}
	out.Compare = r.o.URL + "/compare/" + short
	return out
}

// forced says whether a ref lost something. A tag that moves always does; a value that is no longer there was lost.
func (r *reader) forced(ctx context.Context, u *update) bool {
	if u.created() || u.deleted() {
		return false
	}
	if _, ok := u.tag(); ok {
		return true
	}
	_, err := r.run(ctx, nil, "merge-base", "--is-ancestor", u.before, u.after)
	return exitCode(err) > 0
}

// baseRef is another branch that points to the same commit, the default branch first.
func (r *reader) baseRef(u *update) *string {
	for _, head := range r.heads[u.commit] {
		if head != u.ref {
			return &head
		}
	}
	return nil
}

// pusher is who the server that runs the hook says it is: gitolite, Git over HTTP, the account that ssh let in. What is
// set in HOOKYARD_PUSHER goes first: a name, or a name with an address in <>.
func (r *reader) pusher() Person {
	env := map[string]string{}
	for _, v := range r.o.Environ {
		name, value, _ := strings.Cut(v, "=")
		env[name] = text(value)
	}
	if name, rest, ok := strings.Cut(env["HOOKYARD_PUSHER"], "<"); ok {
		return Person{strings.TrimSpace(name), strings.TrimSuffix(rest, ">")}
	}
	name := cmp.Or(env["HOOKYARD_PUSHER"], env["GL_USER"], env["GL_USERNAME"], env["REMOTE_USER"], env["USER"],
		env["LOGNAME"])
	if name == "" {
		return Person{cmp.Or(text(r.config["user.name"]), "unknown"), text(r.config["user.email"])}
	}
	return Person{Name: name}
}

func (r *reader) repository(ctx context.Context) Repository {
	owner, name, _ := strings.Cut(r.o.Project, "/")
	out := Repository{
		ID: number(strings.ToLower(r.o.Project)), Name: name, FullName: r.o.Project, Private: true,
		Owner:   Owner{owner, owner},
		HTMLURL: r.o.URL, URL: r.o.URL, Description: r.description(), PushedAt: r.o.Now.Unix(),
	}
	if _, err := os.Stat(filepath.Join(r.dir, "git-daemon-export-ok")); err == nil {
		out.Private = false
	}
	out.DefaultBranch = r.defaultBranch(ctx)
	out.MasterBranch = out.DefaultBranch
	return out
}

func (r *reader) defaultBranch(ctx context.Context) string {
	head, err := r.run(ctx, nil, "symbolic-ref", "-q", "HEAD")
	if err != nil {
		return "" // HEAD is detached
	}
	return text(strings.TrimPrefix(strings.TrimSpace(string(head)), "refs/heads/"))
}

// description is gitweb's. git init leaves a text in the file that describes nothing.
func (r *reader) description() string {
	if d := r.config["gitweb.description"]; d != "" {
		return text(d)
	}
	b, err := readSome(filepath.Join(r.dir, "description"), 1000)
	if err != nil || strings.HasPrefix(string(b), "Unnamed repository") {
		return ""
	}
	return strings.TrimSpace(text(string(b)))
}

func readSome(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, max))
	return b, errors.Join(err, f.Close())
}

// number makes a number of a name, for receivers that know things by number.
func number(name string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return int64(h.Sum32())
}

// text is s with U+FFFD for each run of bytes that is not UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// pathEscape escapes a ref's name for a URL and leaves its slashes.
func pathEscape(name string) string { return strings.ReplaceAll(url.PathEscape(name), "%2F", "/") }
