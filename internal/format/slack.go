package format

import (
	"fmt"

	"github.com/hookyard/hookyard"
)

// slackMessage is the body of Slack's incoming webhooks. Mattermost and Rocket.Chat accept it too.
type slackMessage struct {
	Text        string            `json:"text"`
	Attachments []slackAttachment `json:"attachments,omitempty"`
}

type slackAttachment struct {
	Color  string       `json:"color"`
	Text   string       `json:"text,omitempty"`
	Fields []slackField `json:"fields,omitempty"`
}

type slackField struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

// slackText is the length of a text that Slack recommends not to exceed.
const slackText = 4000

// shapeSlack formats an event as a message of Slack's incoming webhooks.
func shapeSlack(in Input) (Shaped, error) {
	n, m := describe(in), slackMarkup()
	a := slackAttachment{Color: fmt.Sprintf("#%06X", n.mood.rgb()), Text: n.detail(m, slackText)}
	for _, f := range n.fields {
		a.Fields = append(a.Fields, slackField{m.escape(f.title), m.escape(f.value), true})
	}
	msg := slackMessage{Text: n.headline(m)}
	if a.Text != "" || a.Fields != nil {
		msg.Attachments = []slackAttachment{a}
	}
	return chat(msg, n)
}

// chat returns the result of a chat format.
func chat(message any, n note) (Shaped, error) {
	b, err := hookyard.EncodeJSON(message)
	return Shaped{Body: b, ContentType: typeJSON, Resource: n.resource}, err
}
