package gitpush

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits on the time of optional parts of reading a push.
const (
	countTime = 2 * time.Second  // counting the commits of a push that has too many to list
	filesTime = 10 * time.Second // finding the files that commits touched
)

// Limits on texts in commits, in bytes. Each could be gigabytes.
const (
	maxMessage = 256 << 10
	maxName    = 1000
	maxPath    = 4096
)

// commits reads the commits of the push: those reachable from a moved ref but not from an earlier value of a ref in
// this push, and those reachable from a new ref but not from any other ref.
func (r *reader) commits(ctx context.Context, p *Push) error {
	if err := r.follow(ctx); err != nil {
		return err
	}
	if err := r.otherRefs(ctx); err != nil {
		return err
	}
	var moved, made, before []string
	for i := range r.updates {
		switch u := &r.updates[i]; {
		case u.commit != "" && u.created():
			made = append(made, u.commit)
		case u.commit != "":
			moved = append(moved, u.commit)
		}
		if u := &r.updates[i]; !u.created() {
			before = append(before, u.before)
		}
	}
	known := slices.Concat(r.others, before)
	newest, more1, err := r.list(ctx, made, slices.Concat(known, moved))
	if err != nil {
		return err
	}
	rest, more2, err := r.list(ctx, moved, before)
	if err != nil {
		return err
	}
	distinct := newest
	if len(rest) > 0 {
		fresh, _, err := r.list(ctx, moved, known)
		if err != nil {
			return err
		}
		distinct = slices.Concat(newest, fresh)
	}
	ids := slices.Concat(newest, rest) // a moved commit can be an ancestor of a new one, but not vice versa
	if p.CommitsTruncated = more1 || more2 || len(ids) > r.o.MaxCommits; p.CommitsTruncated {
		ids = ids[:min(len(ids), r.o.MaxCommits)]
		n1, ok1 := r.count(ctx, made, slices.Concat(known, moved))
		if n2, ok2 := r.count(ctx, moved, before); ok1 && ok2 {
			p.TotalCommits = n1 + n2
		}
	}
	return r.fill(ctx, p, ids, distinct)
}

// follow resolves the new values of the refs to commits.
func (r *reader) follow(ctx context.Context) error {
	var ask strings.Builder
	for i := range r.updates {
		ask.WriteString(r.updates[i].after + "^{commit}\n") // zeros give "missing"
	}
	out, err := r.run(ctx, strings.NewReader(ask.String()), "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return err
	}
	for i, line := range lines(out) {
		if i < len(r.updates) && isHash(line) {
			r.updates[i].commit = line
		}
	}
	return nil
}

// otherRefs reads the values of the refs that were not pushed, and of the branches.
func (r *reader) otherRefs(ctx context.Context) error {
	pushed := make(map[string]bool, len(r.updates))
	for i := range r.updates {
		pushed[r.updates[i].ref] = true
	}
	r.heads = map[string][]string{}
	main := "refs/heads/" + r.defaultBranch(ctx)
	seen := map[string]bool{}
	return r.stream(ctx, nil, []string{"for-each-ref", "--format=%(objectname) %(refname)"},
		func(b *bufio.Reader) error {
			scan := bufio.NewScanner(b)
			for scan.Scan() {
				hash, ref, _ := strings.Cut(scan.Text(), " ")
				if ref == main {
					r.heads[hash] = slices.Insert(r.heads[hash], 0, ref)
				} else if strings.HasPrefix(ref, "refs/heads/") {
					r.heads[hash] = append(r.heads[hash], ref)
				}
				if !pushed[ref] && !seen[hash] {
					seen[hash] = true
					r.others = append(r.others, hash)
				}
			}
			return scan.Err()
		})
}

// list returns the commits reachable from tips but not from not, newest first and children before parents. If there are
// too many, more is true and the result is the newest by date: sorting them would need the whole history.
func (r *reader) list(ctx context.Context, tips, not []string) (ids []string, more bool, err error) {
	if len(tips) == 0 {
		return nil, false, nil
	}
	args := []string{"rev-list", "--ignore-missing", "--max-count=" + strconv.Itoa(r.o.MaxCommits+1), "--stdin"}
	out, err := r.run(ctx, revisions(tips, not), args...)
	if err != nil {
		return nil, false, err
	}
	if len(out) == 0 {
		return nil, false, nil
	}
	if ids = lines(out); len(ids) > r.o.MaxCommits {
		return ids, true, nil
	}
	if out, err = r.run(ctx, revisions(tips, not), slices.Insert(args, 1, "--date-order")...); err != nil {
		return nil, false, err
	}
	return lines(out), false, nil
}

// count returns the number of commits reachable from tips but not from not. It returns false if counting takes too
// long.
func (r *reader) count(ctx context.Context, tips, not []string) (n int, ok bool) {
	if len(tips) == 0 {
		return 0, true
	}
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	out, err := r.run(ctx, revisions(tips, not), "rev-list", "--ignore-missing", "--count", "--stdin")
	if err != nil {
		return 0, false
	}
	n, err = strconv.Atoi(strings.TrimSpace(string(out)))
	return n, err == nil
}

// revisions returns the input of git rev-list --stdin.
func revisions(tips, not []string) io.Reader {
	var b bytes.Buffer
	for _, hash := range tips {
		b.WriteString(hash + "\n")
	}
	for _, hash := range not {
		b.WriteString("^" + hash + "\n")
	}
	return &b
}

// fill reads the commits with the given ids, newest first, and adds as many as fit to the push, oldest first. distinct
// lists those that no ref contained before.
func (r *reader) fill(ctx context.Context, p *Push, ids, distinct []string) error {
	head := r.updates[r.subject()].commit
	all := ids
	if head != "" && !slices.Contains(ids, head) {
		all = slices.Concat(ids, []string{head})
	}
	if len(all) == 0 {
		return nil
	}
	commits, err := r.read(ctx, all)
	if err != nil {
		return err
	}
	fresh := make(map[string]bool, len(distinct))
	for _, id := range distinct {
		fresh[id] = true
	}
	for i := range commits {
		commits[i].Distinct = fresh[commits[i].ID]
	}
	r.files(ctx, commits)
	left := r.o.MaxBytes - 600*len(r.updates) - 64<<10
	if i := slices.IndexFunc(commits, func(c Commit) bool { return c.ID == head }); i >= 0 {
		left = shrink(&commits[i], left)
		p.HeadCommit = &commits[i]
	}
	listed := commits[:min(len(ids), len(commits))]
	for i := range listed {
		if left = shrink(&listed[i], left); left < 0 {
			listed = listed[:i]
			p.CommitsTruncated = true
			p.TotalCommits = cmp.Or(p.TotalCommits, len(ids))
			break
		}
	}
	p.Commits = append(p.Commits, listed...)
	slices.Reverse(p.Commits)
	return nil
}

// shrink drops the files of a commit that would take more than a quarter of the remaining bytes. It returns the bytes
// that remain after the commit.
func shrink(c *Commit, left int) int {
	if size(c) > left/4 && len(c.Added)+len(c.Removed)+len(c.Modified) > 0 {
		c.Added = []string{}
		c.Removed = []string{}
		c.Modified = []string{}
		c.FilesTruncated = true
	}
	return left - size(c)
}

func size(c *Commit) int {
	b, _ := json.Marshal(c) // only strings: cannot fail
	return len(b)
}

// read reads the commits, without their files. Git converts text to UTF-8 if a commit names its encoding.
func (r *reader) read(ctx context.Context, ids []string) ([]Commit, error) {
	out := make([]Commit, 0, len(ids))
	args := []string{"log", "--no-walk=unsorted", "--stdin", "-z", "-s", "--no-color", "--no-notes",
		"--no-show-signature", "--encoding=UTF-8",
		"--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"}
	err := r.stream(ctx, revisions(ids, nil), args, func(b *bufio.Reader) error {
		for {
			var f [9]string
			for i, limit := range [9]int{64, 64, 64 << 10, maxName, maxName, maxName, maxName, 100, maxMessage} {
				s, err := token(b, limit)
				if err == io.EOF && i == 0 {
					return nil
				}
				if err != nil {
					return err
				}
				f[i] = text(s)
			}
			out = append(out, r.commit(f))
		}
	})
	return out, err
}

// commit returns the commit with the fields of read's format.
func (r *reader) commit(f [9]string) Commit {
	parent, _, _ := strings.Cut(f[2], " ")
	c := Commit{ID: f[0], TreeID: f[1], parent: parent, Author: Person{f[3], f[4]}, Committer: Person{f[5], f[6]},
		Timestamp: f[7], Message: f[8],
		URL: r.o.URL + "/commit/" + f[0], Added: []string{}, Removed: []string{}, Modified: []string{}}
	if _, err := time.Parse(time.RFC3339, c.Timestamp); err != nil {
		c.Timestamp = "1970-01-01T00:00:00Z" // some histories contain invalid dates
	}
	return c
}

// files reads the files that each commit changed relative to its first parent. It stops when time or space runs out and
// marks the incomplete commits.
func (r *reader) files(ctx context.Context, commits []Commit) {
	ctx, cancel := context.WithTimeout(ctx, filesTime)
	defer cancel()
	var ask bytes.Buffer
	at := make(map[string]int, len(commits))
	for i := range commits {
		at[commits[i].ID] = i
		ask.WriteString(strings.TrimSuffix(commits[i].ID+" "+commits[i].parent, " ") + "\n")
	}
	args := []string{"diff-tree", "--stdin", "-z", "-r", "--root", "--always", "--no-renames", "--name-status",
		"--no-ext-diff"}
	current := -1
	room := r.o.MaxBytes
	err := r.stream(ctx, &ask, args, func(b *bufio.Reader) error {
		for {
			word, err := token(b, 64)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if i, ok := at[word]; ok {
				current = i
				continue
			}
			path, err := token(b, maxPath)
			if err != nil || current < 0 {
				return cmp.Or(err, io.ErrUnexpectedEOF)
			}
			if room -= len(path) + 3; room < 0 {
				return io.ErrShortBuffer
			}
			commits[current].touch(word, text(path))
		}
	})
	if err == nil {
		return
	}
	for i := max(current, 0); i < len(commits); i++ {
		commits[i].FilesTruncated = true
	}
}

// touch adds a path to the list for its status.
func (c *Commit) touch(status, path string) {
	switch status {
	case "A":
		c.Added = append(c.Added, path)
	case "D":
		c.Removed = append(c.Removed, path)
	default: // M, or T for a file that became a link
		c.Modified = append(c.Modified, path)
	}
}
