package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// Bounds on the JSON of everything but events.
const (
	maxSettings   = 1 << 20 // bytes
	settingsDepth = 50
)

// object is the body of a request that changes settings: its members by name, not yet understood.
type object map[string]json.RawMessage

// field understands one member.
type field func(raw json.RawMessage) error

// object reads the request's body; an empty one is an object without members.
func (c *call) object() (object, error) {
	if c.body != nil {
		return parseObject(c.body)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxSettings))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes; settings never are", maxSettings)
	}
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "the body broke off before its end")
	}
	c.body = body
	return parseObject(body)
}

func parseObject(body []byte) (object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return object{}, nil
	}
	if err := hookyard.CheckJSON(body, settingsDepth); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "the body must be a JSON object")
	}
	return o, nil
}

// read lets each member be understood by its field, in the order of names. Members named in ignored may be there and
// mean nothing; every other is refused.
func (o object) read(fields map[string]field, ignored ...string) error {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		f, ok := fields[name]
		if !ok {
			if slices.Contains(ignored, name) {
				continue
			}
			return hookyard.FieldErrorf(hookyard.Clean(name, 100), "unknown field %q; known are %s",
				hookyard.Clean(name, 100),
				strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := f(o[name]); err != nil {
			return named(name, err)
		}
	}
	return nil
}

// only reads one member, if it is there, and leaves the rest for later.
func (o object) only(name string, f field) error {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if err := f(raw); err != nil {
		return named(name, err)
	}
	return nil
}

// has says whether the member is there, be it null.
func (o object) has(name string) bool { _, ok := o[name]; return ok }

// into is the field of a plain value; null makes it zero.
func into[T any](dst *T) field {
	return func(raw json.RawMessage) error {
		var v T
		if string(raw) == "null" {
			*dst = v
			return nil
		}
		if err := strict(raw, &v); err != nil {
			return err
		}
		*dst = v
		return nil
	}
}

// strict decodes and refuses unknown members of objects further down.
func strict[T any](raw json.RawMessage, v *T) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var own *hookyard.Error
	var typ *json.UnmarshalTypeError
	var instant *time.ParseError
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case errors.As(err, &typ):
		e := hookyard.FieldErrorf("", "must be %s", kindName(typ.Type))
		e.Field = typ.Field
		return e
	case errors.As(err, &instant):
		return hookyard.FieldErrorf("", "must be a time such as 2026-01-31T12:00:00Z")
	}
	return hookyard.Errorf(hookyard.Invalid, "%s", strings.TrimPrefix(err.Error(), "json: "))
}

// named says in which member the fault is.
func named(name string, err error) error {
	var e *hookyard.Error
	if !errors.As(err, &e) || e.Code != hookyard.Invalid {
		return err
	}
	out := *e
	switch {
	case out.Field == "":
		out.Field = name
	case out.Field != name && !strings.HasPrefix(out.Field, name+"."):
		out.Field = name + "." + out.Field
	}
	if strings.HasPrefix(out.Message, "must be ") || strings.HasPrefix(out.Message, "unknown field ") {
		out.Message = out.Field + ": " + out.Message
	}
	return &out
}

// kindName says what JSON is wanted, for people.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "a list of strings"
		}
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a number"
}

// members reads the request's body; an empty one is an object without members.
func (c *call) members() (control.Object, error) {
	o, err := c.object()
	return control.Object(o), err
}
