package format

// shapeRaw sends the event's own bytes under its own content type. It is the default and every delivery's cost: without
// a form it neither copies nor allocates.
func shapeRaw(in Input) Shaped {
	e := in.Event
	if in.Hook.ContentType == contentForm && e.IsJSON() {
		return Shaped{Body: encodeForm(formField(Raw), e.Body), ContentType: typeForm}
	}
	if e.ContentType == "" {
		return Shaped{Body: e.Body, ContentType: typeOctet}
	}
	return Shaped{Body: e.Body, ContentType: e.ContentType}
}
