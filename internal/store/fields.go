package store

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
)

// fieldMatcher is a [hookyard.FieldMatch] that is ready for many documents.
type fieldMatcher struct {
	path   string // of gjson
	value  string
	number string // canonical form of value, or "" if it is not a number
}

func newFieldMatcher(f hookyard.FieldMatch) fieldMatcher {
	return fieldMatcher{gjsonPath(f.Path), f.Value, hookyard.CanonicalNumber(f.Value)}
}

// gjsonPath returns a path for gjson, in which most punctuation has a meaning. A dot in a name follows a backslash.
func gjsonPath(path string) string {
	names := strings.Split(strings.ReplaceAll(path, `\.`, "\x00"), ".")
	for i, name := range names {
		names[i] = gjson.Escape(strings.ReplaceAll(name, "\x00", "."))
	}
	return strings.Join(names, ".")
}

// find returns the value at a path, which does not exist if the document is not a JSON object or array.
func find(document []byte, path string) gjson.Result {
	if i := hookyard.SkipJSONSpace(document, 0); i < len(document) && (document[i] == '{' || document[i] == '[') {
		return gjson.GetBytes(document[i:], path)
	}
	return gjson.Result{}
}

func (m *fieldMatcher) matches(document []byte) bool {
	switch r := find(document, m.path); r.Type {
	case gjson.Number:
		return m.number != "" && hookyard.CanonicalNumber(r.Raw) == m.number
	case gjson.String:
		return r.Str == m.value || r.Raw == m.value
	case gjson.Null:
		return r.Exists() && (m.value == "" || m.value == r.Raw)
	default:
		return r.Raw == m.value
	}
}
