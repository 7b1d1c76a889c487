package format

// plainText bounds a message that may be read by anything.
const plainText = 4000

// shapeText writes {"text": …} without markup, or the bare text when the hook's content type is "text".
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
