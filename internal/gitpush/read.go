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

// Limits on a push: GitHub's number of commits, and a size that fits into the default limit of a server on bodies.
const (
	maxCommits = 2048
	maxBytes   = 24 << 20
)

// Options are the options of [Read].
type Options struct {
	Project    string   // owner/name
	URL        string   // URL of the repository, without a trailing slash
	Environ    []string // environment of the hook, which names the pusher
	Now        time.Time
	MaxCommits int // commits to list; 0 means 2,048
	MaxBytes   int // approximate size of the push as JSON; 0 means 24 MiB
}

// Read reads the input of a post-receive hook and the repository in dir. It returns one Push for all refs, or nil if
// there are no lines. If the repository cannot be read, the error is not nil and the Push holds what the lines say.
func Read(ctx context.Context, dir string, lines io.Reader, o Options) (*Push, error) {
	updates, total, err := parseLines(lines)
	if err != nil || len(updates) == 0 {
		return nil, err
	}
	o.MaxCommits = cmp.Or(o.MaxCommits, maxCommits)
	o.MaxBytes = cmp.Or(o.MaxBytes, maxBytes)
	r := reader{git: newGit(dir, o.Environ), o: o, updates: updates}
	p := &Push{updates: updates, Commits: []Commit{}}
	if r.config, err = r.readConfig(ctx); err == nil {
		err = r.commits(ctx, p)
	}
	if err != nil {
		p.CommitsTruncated = true
		err = fmt.Errorf("the repository cannot be read: %w", err)
	}
	r.describe(ctx, p, total)
	return p, err
}

// reader reads one push from a repository.
type reader struct {
	git
	o       Options
	config  map[string]string // by lower-case key
	updates []update
	others  []string            // values of the refs that were not pushed
	heads   map[string][]string // branches by the object that they point to
}

// readConfig reads the configuration of the repository, the user and the system.
func (g git) readConfig(ctx context.Context) (map[string]string, error) {
	out, err := g.run(ctx, nil, "config", "-z", "--list")
	config := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		config[key] = value
	}
	return config, err
}

// describe sets the fields of p that are not about commits.
func (r *reader) describe(ctx context.Context, p *Push, total int) {
	main := r.updates[r.subject()]
	p.Ref = main.ref
	p.Before, p.After = main.before, main.after
	p.Created, p.Deleted = main.created(), main.deleted()
	refs := make([]Ref, len(r.updates))
	for i := range r.updates {
		refs[i] = r.ref(ctx, &r.updates[i])
	}
	subject := refs[r.subject()]
	p.Forced = subject.Forced
	p.BaseRef = subject.BaseRef
	p.Compare = subject.Compare
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

// subject returns the index of the update that the push describes: the first that is not a deletion.
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

// forced reports whether a ref lost commits. A moved tag always does, and so does a ref whose old value no longer
// exists.
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

// baseRef returns another branch that points to the same commit, preferably the default branch, or nil.
func (r *reader) baseRef(u *update) *string {
	for _, head := range r.heads[u.commit] {
		if head != u.ref {
			return &head
		}
	}
	return nil
}

// pusher returns the pusher as the environment of the hook names them: HOOKYARD_PUSHER, which is a name or a name with
// an address in <>, or else the variables of gitolite, Git over HTTP, or the account.
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

// description returns the description for gitweb, without the placeholder of git init.
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

// readSome reads at most limit bytes of a file.
func readSome(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit))
	return b, errors.Join(err, f.Close())
}

// number derives a number from a name, for receivers that expect numeric ids.
func number(name string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // cannot fail
	return int64(h.Sum32())
}

// text returns s with U+FFFD in place of invalid UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// pathEscape escapes the name of a ref for a URL, except slashes.
func pathEscape(name string) string { return strings.ReplaceAll(url.PathEscape(name), "%2F", "/") }
