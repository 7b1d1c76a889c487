package format

import (
	"encoding/json"
	"strings"
)

// push is a push in the shape of GitHub's payload, which Git sources publish too. refs holds more than one only if the
// payload has a list of them.
type push struct {
	doc     doc
	refs    []string
	created bool
	deleted bool
	forced  bool
	compare string
	commits []commit // oldest first
	head    *commit  // nil if refs were only deleted
}

type commit struct {
	ID, Message, Timestamp, URL string
	Author, Committer           identity
	Added, Removed, Modified    []string
}

type identity struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// newPush returns the push in d, or false if d is not a push.
func newPush(d doc) (*push, bool) {
	_, hasCommits := d.at("commits").v.([]any)
	p := &push{doc: d, refs: refs(d), created: d.yes("created"), deleted: d.yes("deleted"), forced: d.yes("forced"),
		compare: d.text("compare")}
	if len(p.refs) == 0 || !hasCommits && d.text("after") == "" {
		return nil, false
	}
	for _, c := range d.list("commits") {
		if c := (doc{c}); c.isObject() {
			p.commits = append(p.commits, newCommit(c))
		}
	}
	if h := d.at("head_commit"); h.isObject() {
		c := newCommit(h)
		p.head = &c
	} else if n := len(p.commits); n > 0 {
		p.head = &p.commits[n-1]
	}
	return p, true
}

// refs returns the full names of the pushed refs: those in "refs" (names, or objects with a name), or else "ref".
func refs(d doc) []string {
	var out []string
	for _, r := range d.list("refs") {
		r := doc{r}
		if name := r.text(); name != "" {
			out = append(out, name)
		} else if name := r.text("ref", "name"); name != "" {
			out = append(out, name)
		}
	}
	if ref := d.text("ref"); len(out) == 0 && ref != "" {
		out = append(out, ref)
	}
	return out
}

func newCommit(d doc) commit {
	return commit{
		ID: d.text("id", "sha"), Message: d.text("message"), Timestamp: d.text("timestamp"), URL: d.text("url"),
		Author:    identity{d.text("author.name"), d.text("author.email")},
		Committer: identity{d.text("committer.name"), d.text("committer.email")},
		Added:     texts(d.list("added")), Removed: texts(d.list("removed")), Modified: texts(d.list("modified")),
	}
}

func texts(list []any) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		if s := (doc{v}).text(); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// who returns the name of the pusher.
func (p *push) who() string { return p.doc.person("pusher", "sender", "user_username", "user_name") }

// shortRef returns "branch" and "main" for refs/heads/main, "tag" and "v1" for refs/tags/v1.
func shortRef(ref string) (kind, name string) {
	if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return "branch", name
	}
	if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return "tag", name
	}
	return "ref", ref
}

// orZero returns n, or 0 if it is missing.
func orZero(n json.Number) json.Number {
	if n == "" {
		return "0"
	}
	return n
}
