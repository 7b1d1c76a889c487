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

// googleChatThread without a name begins a new thread. That replies land in the named one also needs
// messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD in the query of the hook's URL, which is sent as it stands.
type googleChatThread struct {
	Name string `json:"name,omitempty"`
}

func shapeGoogleChat(in Input) (Shaped, error) {
	n := describe(in)
	return chat(googleChatMessage{n.message(googleChatMarkup(), googleChatText), googleChatThread{in.Thread}}, n)
}

// maxThread is as long as Yona let a thread's name be.
const maxThread = 2000

// ThreadOf returns the name of the thread that a 2xx answer says the message went to, to be remembered for (hook,
// Shaped.Resource) and given as Input.Thread the next time. It is "" for other formats and other answers.
func ThreadOf(format string, answer []byte) string {
	if format != GoogleChat {
		return ""
	}
	var message struct {
		Thread struct {
			Name string `json:"name"`
		} `json:"thread"`
	}
	if json.Unmarshal(answer, &message) != nil {
		return ""
	}
	name := message.Thread.Name
	if len(name) > maxThread || name != oneLine(name, maxThread) {
		return ""
	}
	return name
}
