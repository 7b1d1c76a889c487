package hookyard

import (
	"encoding/json"
	"slices"
	"strings"
)

// Selector selects event types: all, or those that match one of a list of names. In a name, * matches any run of
// characters ("order.*"). The zero Selector selects none.
//
// In JSON it is the string "all" or an array of names, as in WebGME.
type Selector struct {
	All   bool
	Names []string
}

// SelectAll returns the Selector of all event types.
func SelectAll() Selector { return Selector{All: true} }

// Match reports whether s selects event type t. Neither "all" nor a pattern selects hookyard's own events unless it
// begins with "hookyard.": otherwise every hook would receive the failures of all others.
func (s Selector) Match(t string) bool {
	meta := strings.HasPrefix(t, "hookyard.")
	if s.All {
		return !meta
	}
	for _, n := range s.Names {
		if n == t {
			return true
		}
		if MatchGlob(n, t) && (!meta || strings.HasPrefix(n, "hookyard.")) {
			return true
		}
	}
	return false
}

// MatchGlob reports whether name matches pattern, in which * matches any run of characters, including none. It takes at
// most time proportional to len(pattern)·len(name) and does not recurse.
func MatchGlob(pattern, name string) bool {
	if strings.IndexByte(pattern, '*') < 0 {
		return pattern == name
	}
	p, n := 0, 0
	star, mark := -1, 0 // the last * in pattern, and where in name the text after it was tried
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// MarshalJSON encodes s as "all" or an array of names.
func (s Selector) MarshalJSON() ([]byte, error) {
	if s.All {
		return []byte(`"all"`), nil
	}
	if s.Names == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(s.Names)
}

// UnmarshalJSON decodes "all" or an array of names. ["*"] is "all", as in GitHub.
func (s *Selector) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		if one != "all" {
			return FieldErrorf("events", "Event [%s] is not an array and not \"all\"", one)
		}
		*s = SelectAll()
		return nil
	}
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return FieldErrorf("events", "events must be an array of names or the string \"all\"")
	}
	*s = Selector{Names: names}
	if slices.Equal(names, []string{"*"}) {
		*s = SelectAll()
	}
	return nil
}

// Check returns an [Invalid] error for names that are not printable or too long and, unless the catalogue is empty, for
// names that match no event type in it.
func (s Selector) Check(catalogue []string, limits Limits) error {
	if s.All {
		return nil
	}
	for _, n := range s.Names {
		if n == "" || !printable(n) {
			return FieldErrorf("events", "events holds a name that is empty or not printable")
		}
		if len(n) > limits.EventType {
			return FieldErrorf("events",
				"event name is %d bytes long, at most %d are allowed (setting: --max-event-type)", len(n),
				limits.EventType)
		}
		if len(catalogue) == 0 || strings.HasPrefix(n, "hookyard.") {
			continue
		}
		if !slices.ContainsFunc(catalogue, func(c string) bool { return MatchGlob(n, c) }) {
			return FieldErrorf("events", "Event [%s] not among valid events. Valid events: %s", n,
				strings.Join(catalogue, ","))
		}
	}
	return nil
}
