package hookyard

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Catalogue is what an owner decides about the event types that all projects of the owner share.
type Catalogue struct {
	Owner    string // in lower case
	Mode     CatalogueMode
	Public   bool  // anyone may read the types that are not archived and have no feature flag
	Revision int64 // counts the changes of the catalogue and of its types; 0: there has been none
}

// CatalogueMode says what becomes of a published event that does not fit the catalogue of its project's owner.
type CatalogueMode string

// The modes. What does not fit is an event of a type that the catalogue lacks or that is archived, or one whose data is
// not as the type's schema says. Only events that are published are checked: what sources receive is as its sender
// makes it.
const (
	CatalogueOff    CatalogueMode = "off"    // nothing is checked
	CatalogueWarn   CatalogueMode = "warn"   // it is accepted with a warning
	CatalogueStrict CatalogueMode = "strict" // it is refused with [Unprocessable]
)

// Validate returns an [Invalid] error if the mode is none.
func (c *Catalogue) Validate() error {
	switch c.Mode {
	case CatalogueOff, CatalogueWarn, CatalogueStrict:
		return nil
	}
	return FieldErrorf("mode", "mode must be one of off, warn, strict")
}

// EventType is an event type of a catalogue. Loaded ones are shared between goroutines and must not be modified.
type EventType struct {
	Owner        string // in lower case
	Name         string
	Description  string
	Group        string                     // shown together with others of the group; "" for none
	Schemas      map[string]json.RawMessage // JSON Schemas of the data of an event, by version
	Example      json.RawMessage            // of the data of an event; nil: one can be made from the schema
	Archived     bool                       // no longer published
	Deprecated   bool                       // still published, but about to be archived
	FeatureFlags []string                   // only those who have one of them see the type; empty: everybody
	Revision     int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// What an owner's catalogue may hold.
const (
	MaxEventTypes     = 1000
	MaxSchema         = 64 << 10 // bytes of a schema, and of an example
	MaxSchemaDepth    = 100      // nesting of a schema, and of data that is checked
	MaxSchemaVersions = 20       // of an event type
	MaxFeatureFlags   = 20       // of an event type
	maxFlag           = 256      // bytes of a feature flag, a version or a group
	maxTypeText       = 10_000   // bytes of a description
)

// Version returns the version whose schema events are checked against: the highest number or, without numbers, the last
// by name. It is "" if the type has no schema.
func (t *EventType) Version() string {
	var best string
	for _, v := range slices.Sorted(maps.Keys(t.Schemas)) {
		n, err := strconv.Atoi(v)
		top, topErr := strconv.Atoi(best)
		if best == "" || err == nil && (topErr != nil || n >= top) || err != nil && topErr != nil {
			best = v
		}
	}
	return best
}

// Schema returns the schema that events are checked against, or nil if the type has none.
func (t *EventType) Schema() json.RawMessage { return t.Schemas[t.Version()] }

// IsGeneral reports whether the type has no feature flags: every customer may see it.
func (t *EventType) IsGeneral() bool { return len(t.FeatureFlags) == 0 }

// Validate returns an [Invalid] or [TooLarge] error if a field of the type cannot work. It does not compile schemas.
func (t *EventType) Validate(limits Limits) error {
	if err := CheckType(t.Name, limits); err != nil {
		return inNamed("name", err)
	}
	if t.Name == "." || t.Name == ".." {
		return FieldErrorf("name", "name must not be . or ..: no URL can hold it")
	}
	if len(t.Description) > maxTypeText || !printableText(t.Description) {
		return FieldErrorf("description", "description is over %d bytes or holds control characters", maxTypeText)
	}
	if len(t.Group) > maxFlag || !printableText(t.Group) || strings.TrimSpace(t.Group) != t.Group {
		return FieldErrorf("group",
			"group is over %d bytes, holds control characters, or begins or ends with a space", maxFlag)
	}
	if len(t.FeatureFlags) > MaxFeatureFlags {
		return FieldErrorf("featureFlags", "featureFlags holds %d flags, at most %d are allowed", len(t.FeatureFlags),
			MaxFeatureFlags)
	}
	for i, f := range t.FeatureFlags {
		if len(f) > maxFlag || !isName(f) || slices.Contains(t.FeatureFlags[:i], f) {
			return FieldErrorf("featureFlags",
				"a feature flag must stand once and be 1 to %d of the characters A-Z a-z 0-9 . _ -", maxFlag)
		}
	}
	return t.checkDocuments()
}

// checkDocuments checks sizes and nesting of the schemas and the example.
func (t *EventType) checkDocuments() error {
	if len(t.Schemas) > MaxSchemaVersions {
		return FieldErrorf("schemas", "schemas holds %d versions, at most %d are allowed", len(t.Schemas),
			MaxSchemaVersions)
	}
	for _, version := range slices.Sorted(maps.Keys(t.Schemas)) {
		if len(version) > maxFlag || !isName(version) {
			return FieldErrorf("schemas", "a version must be 1 to %d of the characters A-Z a-z 0-9 . _ -", maxFlag)
		}
		if err := checkDocument("schema", t.Schemas[version]); err != nil {
			return err
		}
	}
	if t.Example == nil {
		return nil
	}
	return checkDocument("example", t.Example)
}

func checkDocument(field string, doc json.RawMessage) error {
	if len(doc) > MaxSchema {
		return &Error{Code: TooLarge, Field: field,
			Message: field + " has " + strconv.Itoa(len(doc)) + " bytes, at most " + strconv.Itoa(MaxSchema) +
				" are allowed"}
	}
	if at, what := scanJSON(doc, MaxSchemaDepth); what != "" {
		return FieldErrorf(field, "%s is not valid JSON: %s at byte %d", field, what, at+1)
	} else if at == tooDeep {
		return FieldErrorf(field, "%s is nested deeper than %d levels", field, MaxSchemaDepth)
	}
	return nil
}

// inNamed returns err about another field, which its message names.
func inNamed(field string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Message = field + strings.TrimPrefix(e.Message, e.Field)
	out.Field = field
	return &out
}

// EventTypeQuery selects event types of an owner, sorted by name. A zero field does not restrict them.
type EventTypeQuery struct {
	Owner    string // required
	After    string // names that come later
	Before   string // the last Limit names that come earlier; not together with After
	Archived bool   // archived ones, too
	Content  bool   // with schemas and examples
	General  bool   // only those without feature flags, which every customer may see
	Limit    int    // 0: all
}

// headerWarning is the header in which a stored event has its warning.
const headerWarning = "Hookyard-Warning"

// Warn marks a published event that does not fit the catalogue of its project's owner.
func (e *Event) Warn(why string) {
	if e.Header == nil {
		e.Header = http.Header{}
	}
	e.Header[headerWarning] = []string{HeaderText(Clean(why, 500))}
}

// Warning returns in what a published event does not fit its catalogue, or "". It needs the header of the event.
func (e *Event) Warning() string {
	if e.Source != SourceAPI {
		return ""
	}
	return e.Header.Get(headerWarning)
}
