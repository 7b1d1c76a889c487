package format

import "github.com/hookyard/hookyard"

// shapeRaw returns the body of the event with its content type. It is the default format, so it neither copies nor
// allocates, except for a form.
func shapeRaw(in Input) Shaped {
	e := in.Event
	if in.Hook.ContentType == contentForm && e.IsJSON() {
		in = in.unpacked()
	}
	if in.Hook.ContentType == contentForm && e.IsJSON() && !in.packed {
		return Shaped{Body: encodeForm(formField(Raw), rawJSON(in.Event)), ContentType: typeForm}
	}
	if e.ContentType == "" {
		return Shaped{Body: e.Body, ContentType: typeOctet}
	}
	return Shaped{Body: e.Body, ContentType: e.ContentType}
}

// rawJSON returns the whole JSON body: a form cannot hold compressed bytes.
func rawJSON(e *hookyard.Event) []byte {
	if e.DataOffset > 0 {
		return e.Body
	}
	return e.Data()
}
