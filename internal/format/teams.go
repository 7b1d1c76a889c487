package format

// teamsText keeps the whole message well below the 28 KB that Teams accepts.
const teamsText = 3000

// teamsMessage is the envelope of a card for a Teams workflow "when a webhook request is received".
type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	ContentURL  *string   `json:"contentUrl"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema  string         `json:"$schema"`
	Type    string         `json:"type"`
	Version string         `json:"version"`
	Body    []teamsElement `json:"body"`
	Actions []teamsAction  `json:"actions,omitempty"`
}

// teamsElement is a TextBlock or a FactSet.
type teamsElement struct {
	Type   string      `json:"type"`
	Text   string      `json:"text,omitempty"`
	Weight string      `json:"weight,omitempty"`
	Color  string      `json:"color,omitempty"`
	Wrap   bool        `json:"wrap,omitempty"`
	Facts  []teamsFact `json:"facts,omitempty"`
}

type teamsFact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

type teamsAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// shapeTeams formats an event as an Adaptive Card for Teams.
func shapeTeams(in Input) (Shaped, error) {
	n, m := describe(in), teamsMarkup()
	color := [...]string{neutral: "accent", good: "good", bad: "attention", merged: "accent"}[n.mood]
	card := teamsCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Body: []teamsElement{{Type: "TextBlock", Text: n.headline(m), Weight: "bolder", Color: color, Wrap: true}},
	}
	if detail := n.detail(m, teamsText); detail != "" {
		card.Body = append(card.Body, teamsElement{Type: "TextBlock", Text: detail, Wrap: true})
	}
	if len(n.fields) > 0 {
		facts := teamsElement{Type: "FactSet"}
		for _, f := range n.fields {
			facts.Facts = append(facts.Facts, teamsFact{m.escape(f.title), m.escape(f.value)})
		}
		card.Body = append(card.Body, facts)
	}
	if n.url != "" {
		card.Actions = []teamsAction{{"Action.OpenUrl", "Open", n.url}}
	}
	return chat(teamsMessage{"message", []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive",
		Content: card}}}, n)
}
