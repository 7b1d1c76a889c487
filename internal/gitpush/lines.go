package gitpush

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// update is a line of the input of a post-receive hook: a ref with its old and new value.
type update struct {
	before, after string // object names in hex; all zeros for none
	ref           string // full name
	commit        string // the commit that after resolves to; "" if the ref was deleted or is not a commit
}

func (u *update) created() bool { return isZero(u.before) }
func (u *update) deleted() bool { return isZero(u.after) }

// branch returns the name of a branch.
func (u *update) branch() (string, bool) { return strings.CutPrefix(u.ref, "refs/heads/") }

// tag returns the name of a tag.
func (u *update) tag() (string, bool) { return strings.CutPrefix(u.ref, "refs/tags/") }

// maxRefs bounds the refs of a push that are published. The first push of a mirror may have hundreds of thousands.
const maxRefs = 5000

// parseLines parses lines "old new ref" (githooks(5), post-receive). total includes the refs beyond maxRefs.
func parseLines(r io.Reader) (updates []update, total int, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		u, err := parseLine(lines.Text())
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", n, err)
		}
		if u.created() && u.deleted() {
			continue // the deletion of a ref that did not exist
		}
		if total++; total <= maxRefs {
			updates = append(updates, u)
		}
	}
	return updates, total, lines.Err()
}

func parseLine(line string) (update, error) {
	before, rest, ok1 := strings.Cut(line, " ")
	after, ref, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 || !isHash(before) || !isHash(after) || len(before) != len(after) {
		return update{}, fmt.Errorf("want \"old-hash new-hash ref\", as git passes to a post-receive hook, not %.100q",
			line)
	}
	if !isRef(ref) {
		return update{}, fmt.Errorf("%.100q is not the full name of a ref", ref)
	}
	return update{before: before, after: after, ref: ref}, nil
}

// isHash reports whether s is an object name, of SHA-1 or SHA-256.
func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

func isZero(hash string) bool { return strings.Trim(hash, "0") == "" }

// isRef reports whether s consists of bytes that git-check-ref-format(1) allows in a ref. Git has checked the rest.
func isRef(s string) bool {
	return strings.HasPrefix(s, "refs/") && len(s) > len("refs/") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return r <= ' ' || r == 0x7f ||
				strings.ContainsRune("~^:?*[\\", r)
		})
}
