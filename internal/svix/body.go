package svix

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// object is the JSON object of a request. Members that a route does not know are ignored.
type object map[string]json.RawMessage

// object reads the body of a request. One that is no JSON object is refused; with empty, none at all is an empty one.
func (c *call) object(empty bool) (object, error) {
	tooLarge := refuse(http.StatusRequestEntityTooLarge, "payload_too_large",
		"The request is over 2 MiB; hookyard's own API takes larger events (setting: --max-body)")
	if c.r.ContentLength > maxBody {
		c.w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	limited := *c.r
	limited.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	body, err := c.a.o.Ingest.ReadBody(c.w, &limited)
	if errors.Is(err, hookyard.ErrTooLarge) || len(body) > maxBody {
		return nil, tooLarge
	}
	if errors.Is(err, hookyard.ErrInvalid) {
		return nil, badRequest("The request ended before its body was complete")
	}
	if err != nil {
		return nil, err
	}
	if empty && len(body) == 0 {
		return object{}, nil
	}
	var o object
	var fault string
	switch first := hookyard.SkipJSONSpace(body, 0); {
	case !utf8.Valid(body):
		fault = "The body is not UTF-8"
	case first == len(body) || body[first] != '{':
		fault = "The body must be a JSON object"
	default:
		if err := hookyard.CheckJSON(body, c.a.o.Limits.JSONDepth); err != nil {
			fault = "The body is not valid JSON: " + err.Error()
		} else if err := json.Unmarshal(body, &o); err != nil {
			fault = "The body is not valid JSON: " + err.Error()
		}
	}
	if fault != "" {
		c.faults.addJSON(fault, "", "")
		return nil, c.faults.err()
	}
	return o, nil
}

// read reads a member of the object, under the first of its names that the object has.
func read[T any](c *call, o object, kind string, names ...string) (out control.Optional[T]) {
	for _, name := range names {
		raw, ok := o[name]
		if !ok {
			continue
		}
		if string(raw) == "null" {
			return control.Null[T]()
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			c.faults.addJSON("must be "+kind, name)
			return out
		}
		return control.Value(v)
	}
	return out
}

func (c *call) text(o object, names ...string) control.Optional[string] {
	return read[string](c, o, "a string", names...)
}

// required reads a text that must be there.
func (c *call) required(o object, name string) string {
	v := c.text(o, name)
	s, given := v.Get()
	if !given && len(c.faults) == 0 || v.IsNull() {
		if _, ok := o[name]; !ok {
			c.faults.addJSON("missing field `"+name+"`", "", "")
		} else {
			c.faults.addJSON("must be a string", name)
		}
	}
	return s
}

// uid reads a uid, which must not look like an id.
func (c *call) uid(o object, name, idPrefix string) control.Optional[string] {
	v := c.text(o, name)
	s, given := v.Get()
	switch {
	case !given || v.IsNull():
	case s == "" || hookyard.CheckUID(s) != nil:
		c.faults.add("must be 1 to 256 of the characters a-z A-Z 0-9 - _ .", name, "__all__")
	case strings.HasPrefix(s, idPrefix):
		c.faults.add("must not begin with "+idPrefix+", which is for ids", name, "__all__")
	}
	return v
}

// metadata reads a map of strings. Null is an empty one.
func (c *call) metadata(o object) control.Optional[map[string]string] {
	v := read[map[string]string](c, o, "an object of strings", "metadata")
	m, given := v.Get()
	if given && hookyard.CheckMetadata(m) != nil {
		c.faults.add("is over 4096 bytes", "metadata")
	}
	return v
}

// rate reads throttleRate, or rateLimit if there is none.
func (c *call) rate(o object) control.Optional[float64] {
	v := read[uint32](c, o, "a whole number", "throttleRate", "rateLimit")
	n, given := v.Get()
	switch {
	case !given:
		return control.Optional[float64]{}
	case v.IsNull():
		return control.Null[float64]()
	case n == 0 || n > 65535:
		c.faults.add("must be between 1 and 65535", "throttleRate")
	}
	return control.Value(float64(n))
}

// names reads a list of event types or channels.
func (c *call) names(o object, more string, most int, members ...string) control.Optional[[]string] {
	v := read[[]string](c, o, "a list of strings", members...)
	list, given := v.Get()
	if !given || v.IsNull() {
		return v
	}
	if len(list) == 0 || len(list) > most {
		c.faults.add("must have at least one entry and not too many; null means all", members[0])
	}
	for _, s := range list {
		if !isName(s, more) {
			c.faults.add("each must be 1 to 256 of the characters a-z A-Z 0-9 - _ . "+more, members[0])
			break
		}
	}
	return v
}

// isName reports whether s is a name of an event type, or with more characters of a channel.
func isName(s, more string) bool {
	for _, r := range more {
		s = strings.ReplaceAll(s, string(r), "-")
	}
	return s != "" && hookyard.CheckUID(s) == nil
}

const channelChars = ":+"
