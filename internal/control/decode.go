package control

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// objectDepth is how deep the JSON of settings may be nested.
const objectDepth = 50

// Object is a JSON object whose members are not understood yet.
type Object map[string]json.RawMessage

// ParseObject reads a JSON object. Empty text is an object without members. It fails with Invalid for anything else.
func ParseObject(b []byte) (Object, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return Object{}, nil
	}
	if err := hookyard.CheckJSON(b, objectDepth); err != nil {
		return nil, err
	}
	var o Object
	if err := json.Unmarshal(b, &o); err != nil || o == nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "the body must be a JSON object")
	}
	return o, nil
}

// Has reports whether the object has a member, be it null.
func (o Object) Has(name string) bool { _, ok := o[name]; return ok }

// Known returns the object without the members that the struct that dst points to does not know.
func (o Object) Known(dst any) Object {
	fields := fieldsOf(reflect.ValueOf(dst).Elem())
	out := maps.Clone(o)
	maps.DeleteFunc(out, func(name string, _ json.RawMessage) bool { _, ok := fields[name]; return !ok })
	return out
}

// Decode reads the object into the struct that dst points to, by the names in its json tags. Null gives a field its
// zero value. Members named in ignored may be there and mean nothing; every other member that the struct does not know
// is refused. Members are read in the order of their names, and the error is that of the first that is wrong: Invalid,
// with the member as its field.
func (o Object) Decode(dst any, ignored ...string) error {
	fields := fieldsOf(reflect.ValueOf(dst).Elem())
	for _, name := range ignored {
		delete(fields, name)
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		f, ok := fields[name]
		if !ok {
			if slices.Contains(ignored, name) {
				continue
			}
			name = hookyard.Clean(name, 100)
			return hookyard.FieldErrorf(name, "unknown field %q; known are %s", name,
				strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := decodeField(o[name], f); err != nil {
			return inField(name, err)
		}
	}
	return nil
}

// fieldsOf returns the fields of a struct by their JSON names.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

func decodeField(raw json.RawMessage, f reflect.Value) error {
	if o, ok := f.Addr().Interface().(optional); ok {
		return o.UnmarshalJSON(raw)
	}
	if string(raw) == "null" {
		f.SetZero()
		return nil
	}
	v := reflect.New(f.Type())
	if err := unmarshalStrict(raw, v.Interface()); err != nil {
		return err
	}
	f.Set(v.Elem())
	return nil
}

// optional is any [Optional].
type optional interface {
	json.Unmarshaler
	Given() bool
	IsNull() bool
}
