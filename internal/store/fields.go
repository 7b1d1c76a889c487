package store

import (
	"crypto/sha256"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
)

// partSize is the number of seqs whose rows of event_fields stand together. A smaller part costs searches, which look
// into each; a larger one costs the events that come in, whose rows are spread over it by their values.
const partSize = 32768

// fieldValue is the value of a search field in an event, in the form of event_fields.
type fieldValue struct {
	field int64
	value []byte // empty: the body is too large
}

// appendRow appends the row of eventFieldsTable.
func (v *fieldValue) appendRow(values []any, seq int64) []any {
	part := seq / partSize
	if len(v.value) == 0 {
		part = -1
	}
	return append(values, v.field, part, v.value, seq)
}

// fieldValues returns the values that fields have in an event: of texts, numbers and booleans. It looks into the
// document that filters see, unless the body is larger than may be decoded.
func (db *DB) fieldValues(e *hookyard.Event, fields []hookyard.SearchField) []fieldValue {
	tooLarge := e.Size > db.decode
	if len(fields) == 0 || len(e.Body) == 0 && !tooLarge {
		return nil
	}
	var document []byte
	if !tooLarge {
		unpacked, ok := e.Unpacked()
		tooLarge = !ok || int64(len(unpacked.Plain())) > db.decode
		document = unpacked.Document()
	}
	values := make([]fieldValue, 0, len(fields))
	for _, f := range fields {
		value := []byte{}
		if !tooLarge {
			if value = storedValue(find(document, gjsonPath(f.Path))); value == nil {
				continue
			}
		}
		values = append(values, fieldValue{f.Key, value})
	}
	return values
}

// storedValue returns the form of a value in event_fields, or nil if it is none by which events are found.
func storedValue(r gjson.Result) []byte {
	switch r.Type {
	case gjson.String:
		return shortValue(r.Str)
	case gjson.Number:
		return shortValue(hookyard.CanonicalNumber(r.Raw))
	case gjson.True, gjson.False:
		return []byte(r.Raw)
	}
	return nil
}

// shortValue returns a value of at most 15 bytes, and 16 bytes of the hash of a longer one. It is nil for "".
func shortValue(s string) []byte {
	if s == "" {
		return nil
	}
	if len(s) < sha256.Size/2 {
		return []byte(s)
	}
	hash := sha256.Sum256([]byte(s))
	return hash[:sha256.Size/2]
}

// wantedValues returns the forms that values have in event_fields which match a text, or nil if they may have none. If
// there are several, some do not match.
func wantedValues(text string) [][]byte {
	if text == "" || text == "null" || strings.ContainsAny(text[:1], `{["`) {
		return nil
	}
	values := [][]byte{shortValue(text)}
	if number := hookyard.CanonicalNumber(text); number != "" && number != text {
		values = append(values, shortValue(number))
	}
	return values
}

// fieldMatcher is a [hookyard.FieldMatch] that is ready for many documents.
type fieldMatcher struct {
	paths  []string // of gjson; one of them is enough
	value  string
	number string // canonical form of value, or "" if it is not a number
}

func newFieldMatcher(value string, paths ...string) fieldMatcher {
	m := fieldMatcher{value: value, number: hookyard.CanonicalNumber(value)}
	for _, path := range paths {
		m.paths = append(m.paths, gjsonPath(path))
	}
	return m
}

// gjsonPath returns a path for gjson, in which most punctuation has a meaning. A dot in a name follows a backslash.
func gjsonPath(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return r < '-' || r == '/' || r > '9' && r < 'A' || r > 'Z' && r < 'a' && r != '_' || r > 'z'
	}) {
		return path
	}
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
	for _, path := range m.paths {
		if m.accepts(find(document, path)) {
			return true
		}
	}
	return false
}

func (m *fieldMatcher) accepts(r gjson.Result) bool {
	switch r.Type {
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
