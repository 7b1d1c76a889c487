package format

import (
	"encoding/json"
)

// googleChatText is the longest text of a message, in characters.
const googleChatText = 4096

type googleChatMessage struct {
	Text   string           `json:"text"`
	Thread googleChatThread `json:"thread"`
}

// googleChatThread without a name starts a new thread. For replies to appear in the named thread, the URL of the hook
// must also have messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD in its query.
type googleChatThread struct {
	Name string `json:"name,omitempty"`
}

// shapeGoogleChat formats an event as a message of Google Chat's incoming webhooks.
func shapeGoogleChat(in Input) (Shaped, error) {
	n := describe(in)
	return chat(googleChatMessage{n.message(googleChatMarkup(), googleChatText), googleChatThread{in.Thread}}, n)
}

// maxThread bounds the name of a thread, as in Yona.
const maxThread = 2000

// ThreadOf returns the name of the thread from the body of a 2xx response. Store it for the hook and Shaped.Resource,
// and pass it as Input.Thread the next time. It is "" for other formats and responses.
func ThreadOf(format string, response []byte) string {
	if format != GoogleChat {
		return ""
	}
	var message struct {
		Thread struct {
			Name string `json:"name"`
		} `json:"thread"`
	}
	if json.Unmarshal(response, &message) != nil {
		return ""
	}
	name := message.Thread.Name
	if len(name) > maxThread || name != oneLine(name, maxThread) {
		return ""
	}
	return name
}
