package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// changes are what a change did to a row, for the audit log: "field: old → new" for each field.
type changes []string

const (
	maxChange  = 100  // bytes of a value in the audit log
	maxChanges = 2000 // bytes of a detail
)

// add notes a field that differs.
func (c *changes) add(field, before, after string) {
	if before != after {
		*c = append(*c, fmt.Sprintf("%s: %s → %s", field, shownValue(before), shownValue(after)))
	}
}

// addHidden notes that a secret differs, without its values.
func (c *changes) addHidden(field, before, after string) {
	switch {
	case before == after:
	case before != "" && after != "":
		*c = append(*c, field+": changed")
	default:
		c.add(field, hidden(before), hidden(after))
	}
}

func hidden(secret string) string {
	if secret == "" {
		return ""
	}
	return hookyard.Masked
}

func shownValue(s string) string {
	if s == "" {
		return "none"
	}
	s = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(s) // as encoding/json escapes them
	if cut := hookyard.CleanLine(s, maxChange); len(cut) < len(s) {
		return cut + "…"
	}
	return s
}

// addMembers notes the members of two JSON objects that differ, by name, with add.
func addMembers(before, after []byte, add func(field, before, after string)) {
	was, is := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	_ = json.Unmarshal(before, &was) // what cannot be read has no members
	_ = json.Unmarshal(after, &is)
	names := maps.Clone(was)
	maps.Copy(names, is)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		add(name, string(was[name]), string(is[name]))
	}
}

// addRow notes what differs between the settings and secrets of two versions of a row. Secrets that cannot be opened
// count as none.
func (c *changes) addRow(s *sealer, before, after storedRow) {
	addMembers([]byte(before.settings), []byte(after.settings), c.add)
	was, _ := s.open(before.sealed)
	is, _ := s.open(after.sealed)
	addMembers(was, is, func(field, before, after string) {
		if a, b := urlOrigin(before), urlOrigin(after); field == "url" && a != b {
			c.add(field, a, b)
			return
		}
		c.addHidden(field, before, after)
	})
}

// urlOrigin returns the origin of a URL in JSON: its path and query may be secret.
func urlOrigin(text string) string {
	var u string
	_ = json.Unmarshal([]byte(text), &u)
	if u == "" {
		return ""
	}
	return hookyard.URLOrigin(u)
}

// addUser notes what differs between two versions of a user.
func (c *changes) addUser(before, after *hookyard.User) {
	c.add("admin", strconv.FormatBool(before.Admin), strconv.FormatBool(after.Admin))
	c.add("disabled", strconv.FormatBool(before.Disabled), strconv.FormatBool(after.Disabled))
	c.addHidden("password", before.PasswordHash, after.PasswordHash)
	c.add("subject", before.Subject, after.Subject)
}

// storedRow is what encode returns.
type storedRow struct {
	settings string
	sealed   []byte
}

func (c *changes) String() string {
	return hookyard.CleanLine(strings.Join(*c, "; "), maxChanges)
}
