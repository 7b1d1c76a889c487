package format

// plainText bounds a plain message, whose receiver is unknown.
const plainText = 4000

// shapeText formats an event as {"text": …} without markup, or as bare text if the content type of the hook is "text".
func shapeText(in Input) (Shaped, error) {
	n := describe(in)
	text := n.message(plainMarkup(), plainText)
	if in.Hook.ContentType == contentText {
		return Shaped{Body: []byte(text), ContentType: typeText, Resource: n.resource}, nil
	}
	return chat(struct {
		Text string `json:"text"`
	}{text}, n)
}
