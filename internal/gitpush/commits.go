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

// Time that parts of the reading may take which the push can do without.
const (
	countTime = 2 * time.Second  // counting the commits of a push that has too many to list
	filesTime = 10 * time.Second // finding the files that commits touched
)

// Bytes of what strangers write, each of which could be gigabytes.
const (
	maxMessage = 256 << 10
	maxName    = 1000
	maxPath    = 4096
)

// look finds the push's commits: of refs that moved, what their new values have and none of the earlier values of
// this push had; of new refs, what no other ref has.
func (r *reader) look(ctx context.Context, p *Push) error {
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
	ids := slices.Concat(newest, rest) // the made may have moved ones among their ancestors, not the other way round
	if p.CommitsTruncated = more1 || more2 || len(ids) > r.o.MaxCommits; p.CommitsTruncated {
		ids = ids[:min(len(ids), r.o.MaxCommits)]
		n1, ok1 := r.count(ctx, made, slices.Concat(known, moved))
		if n2, ok2 := r.count(ctx, moved, before); ok1 && ok2 {
			p.TotalCommits = n1 + n2
		}
	}
	return r.fill(ctx, p, ids, distinct)
}

// follow finds the commits that the new values come to.
func (r *reader) follow(ctx context.Context) error {
	var ask strings.Builder
	for i := range r.updates {
		ask.WriteString(r.updates[i].after + "^{commit}\n") // of zeros: missing
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

// otherRefs reads what the refs of the repository point to.
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

// list returns the commits that tips have and not does not, newest first and no parent before its child. When there are
// too many, more is true and the newest by date are returned: sorting them would mean to walk through all of history.
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

// fill reads the commits, newest first, and puts them into the push as far as its bytes allow, oldest first.
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
			p.CommitsTruncated, p.TotalCommits = true, cmp.Or(p.TotalCommits, len(ids))
			break
		}
	}
	p.Commits = append(p.Commits, listed...)
	slices.Reverse(p.Commits)
	return nil
}

// shrink drops a commit's files when it would take more than a quarter of what is left, and returns what is left then.
func shrink(c *Commit, left int) int {
	if size(c) > left/4 && len(c.Added)+len(c.Removed)+len(c.Modified) > 0 {
		c.Added, c.Removed, c.Modified, c.FilesTruncated = []string{}, []string{}, []string{}, true
	}
	return left - size(c)
}

func size(c *Commit) int {
	b, _ := json.Marshal(c) // of strings: cannot fail
	return len(b)
}

// read reads what commits say of themselves. Git puts the text into UTF-8 where a commit names its encoding.
func (r *reader) read(ctx context.Context, ids []string) ([]Commit, error) {
	out := make([]Commit, 0, len(ids))
	args := []string{"log", "--no-walk=unsorted", "--stdin", "-z", "-s", "--no-color", "--no-notes",
		"--no-show-signature", "--encoding=UTF-8",
		"--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"}
	err := r.stream(ctx, revisions(ids, nil), args, func(b *bufio.Reader) error {
		for {
			var f [9]string
			for i, max := range [9]int{64, 64, 64 << 10, maxName, maxName, maxName, maxName, 100, maxMessage} {
				s, err := token(b, max)
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

func (r *reader) commit(f [9]string) Commit {
	parent, _, _ := strings.Cut(f[2], " ")
	c := Commit{ID: f[0], TreeID: f[1], parent: parent, Author: Person{f[3], f[4]}, Committer: Person{f[5], f[6]},
		Timestamp: f[7], Message: f[8],
		URL: r.o.URL + "/commit/" + f[0], Added: []string{}, Removed: []string{}, Modified: []string{}}
	if _, err := time.Parse(time.RFC3339, c.Timestamp); err != nil {
		c.Timestamp = "1970-01-01T00:00:00Z" // some histories have dates that are none
	}
	return c
}

// files finds the files that each commit touched, against its first parent. It ends when time or room is up; the
// commits it did not come to, or not to the end of, say so.
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
	done, room := -1, r.o.MaxBytes
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
				done = i
				continue
			}
			path, err := token(b, maxPath)
			if err != nil || done < 0 {
				return cmp.Or(err, io.ErrUnexpectedEOF)
			}
			if room -= len(path) + 3; room < 0 {
				return io.ErrShortBuffer
			}
			commits[done].touch(word, text(path))
		}
	})
	if err == nil {
		return
	}
	for i := max(done, 0); i < len(commits); i++ {
		commits[i].FilesTruncated = true
	}
}

func (c *Commit) touch(status, path string) {
	switch status {
	case "A":
		c.Added = append(c.Added, path)
	case "D":
		c.Removed = append(c.Removed, path)
	default: // M, and T when a file became a link
		c.Modified = append(c.Modified, path)
	}
}
