package hookyard

import (
	"encoding/json"
	"slices"
	"strings"
)

// Selector says which event types a hook wants: all of them, or those that match one of a list of names. A name matches
// exactly, or with * for any run of characters ("order.*"). The zero Selector wants none.
//
// In JSON it is the string "all" or an array of names, as WebGME has it.
type Selector struct {
	All   bool
	Names []string
}

// SelectAll wants every event.
func SelectAll() Selector { return Selector{All: true} }

// Match says whether the selector wants an event of type t. "all" and patterns that could mean anything do not include
// hookyard's own events: those must be named (hookyard.*), or every hook would hear of every other's troubles.
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

// MatchGlob says whether name matches pattern, in which * stands for any run of characters, also none. It takes time
// proportional to len(pattern)·len(name) at worst, without recursion.
func MatchGlob(pattern, name string) bool {
	if strings.IndexByte(pattern, '*') < 0 {
		return pattern == name
	}
	p, n, star, mark := 0, 0, -1, 0
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

// MarshalJSON writes "all" or the list.
func (s Selector) MarshalJSON() ([]byte, error) {
	if s.All {
		return []byte(`"all"`), nil
	}
	if s.Names == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(s.Names)
}

// UnmarshalJSON reads "all" or a list of names. ["*"] is "all" too, as at GitHub.
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

// Check refuses names that are not printable or too long, and, when the project has a catalogue, names that are not in
// it. A pattern must match at least one of the catalogue.
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
