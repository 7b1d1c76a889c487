package format

// Discord's limits, in characters. The fields of an embed are within them by our own limits.
const (
	discordContent     = 2000
	discordDescription = 4000
)

type discordMessage struct {
	Content  string          `json:"content"`
	Embeds   []discordEmbed  `json:"embeds,omitempty"`
	Mentions discordMentions `json:"allowed_mentions"`
}

// discordMentions with an empty list disables mentions such as @everyone in the text.
type discordMentions struct {
	Parse []string `json:"parse"`
}

type discordEmbed struct {
	Description string         `json:"description,omitempty"`
	Color       int            `json:"color"`
	Fields      []discordField `json:"fields,omitempty"`
}

type discordField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

// shapeDiscord formats an event as a message of Discord's incoming webhooks.
func shapeDiscord(in Input) (Shaped, error) {
	n, m := describe(in), discordMarkup()
	e := discordEmbed{Description: n.detail(m, discordDescription), Color: n.mood.rgb()}
	for _, f := range n.fields {
		e.Fields = append(e.Fields, discordField{m.escape(f.title), m.escape(f.value), true})
	}
	msg := discordMessage{Content: clip(n.headline(m), discordContent), Mentions: discordMentions{Parse: []string{}}}
	if e.Description != "" || e.Fields != nil {
		msg.Embeds = []discordEmbed{e}
	}
	return chat(msg, n)
}
