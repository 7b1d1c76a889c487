package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Optional is a setting that a patch may name. The zero value means that the patch does not name it and the setting
// stays as it is. A null gives the setting its default.
type Optional[T any] struct {
	value T
	state optionalState
}

type optionalState uint8

const (
	notGiven optionalState = iota
	null
	given
)

// Value returns an Optional that sets a value.
func Value[T any](v T) Optional[T] { return Optional[T]{value: v, state: given} }

// Null returns an Optional that sets the default.
func Null[T any]() Optional[T] { return Optional[T]{state: null} }

// Given reports whether the patch names the setting, with a value or with null.
func (o Optional[T]) Given() bool { return o.state != notGiven }

// IsNull reports whether the patch sets the default.
func (o Optional[T]) IsNull() bool { return o.state == null }

// Get returns the value, the zero value of null, and whether the patch names the setting.
func (o Optional[T]) Get() (T, bool) { return o.value, o.Given() }

// SetTo sets dst to the value, or to the zero value when it is null, and leaves it alone when the patch does not name
// the setting.
func (o Optional[T]) SetTo(dst *T) {
	if o.Given() {
		*dst = o.value
	}
}

// UnmarshalJSON reads a value or null. Members of objects that the value does not know are refused. Errors are
// [hookyard.Error] and say in words what is wanted.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*o = Null[T]()
		return nil
	}
	var v T
	if err := unmarshalStrict(b, &v); err != nil {
		return err
	}
	*o = Value(v)
	return nil
}

// unmarshalStrict decodes JSON and refuses members that the value does not know.
func unmarshalStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
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

// inField says in which member the fault is.
func inField(name string, err error) error {
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

// kindName says in words which kind of JSON is wanted.
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
