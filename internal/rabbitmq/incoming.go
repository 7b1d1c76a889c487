package rabbitmq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
)

// incoming is a message that becomes an event.
type incoming struct {
	item     *item
	event    *hookyard.Event
	urls     []string         // that the message wants it sent to
	hooks    []*hookyard.Hook // for urls
	problems []string         // with urls, in words
}

// newIncoming makes the event of a message, its bytes as they came. The error says why it can never be one.
func (c *consumer) newIncoming(snapshot *hookyard.Snapshot, it *item, now time.Time) (*incoming, error) {
	q, d := c.source.RabbitMQ, it.d
	limits := c.s.o.Limits
	if size := it.received.size; size > limits.Body {
		it.tooLarge = true
		return nil, hookyard.Errorf(hookyard.TooLarge,
			"body is %d bytes long, at most %d are allowed (setting: --max-body)", size, limits.Body)
	}
	e := hookyard.NewEvent(c.source.Name, "", d.Body, now)
	e.Header, e.Decompress = headerOf(d, limits.RequestHeader), c.s.o.Decompress
	body, contentType := e.Plain(), hookyard.Clean(d.ContentType, 200)
	path, byField := strings.CutPrefix(q.TypeFrom, "field:")
	if q.Expect != "" || byField {
		if err := hookyard.CheckJSON(body, limits.JSONDepth); err != nil {
			return nil, err
		}
	}
	in := &incoming{item: it}
	switch {
	case q.Expect == hookyard.ExpectComments:
		var err error
		if body, in.urls, err = parseComment(body, limits.JSONDepth); err != nil {
			return nil, err
		}
		e.Body, e.Size = body, int64(len(body))
		delete(e.Header, "Content-Encoding")
	case snapshot.Project.AllowRequests && bytes.Contains(body, []byte(`"webhooks"`)) &&
		hookyard.CheckJSON(body, limits.JSONDepth) == nil:
		in.urls = webhooksOf(gjson.ParseBytes(body))
	}
	if q.Expect != "" && contentType == "" {
		contentType = "application/json"
	}
	if len(in.urls) > 0 && !snapshot.Project.AllowRequests {
		in.problems = append(in.problems, fmt.Sprintf("webhooks names %s, which the project does not allow: the event "+
			"was stored and is not sent there (setting of the project: allowRequests)",
			hookyard.Count(len(in.urls), "URL")))
		in.urls = nil
	}
	field := ""
	if byField {
		field = gjson.GetBytes(hookyard.Document(d.ContentType, body), path).String()
	}
	e.Type, e.ContentType = c.typeOf(it, field), contentType
	e.DedupKey = hookyard.Clean(d.MessageId, 500)
	in.event = e
	return in, nil
}

// typeOf names the event: as the source says, else by its fixed type, else by the source's name. A sender's name for it
// is never a reason to refuse an event; it is made fit to be shown and to be a header's value.
func (c *consumer) typeOf(it *item, field string) string {
	t := field
	q := c.source.RabbitMQ
	if q.TypeFrom == "routingKey" {
		t = it.d.RoutingKey
	}
	if name, ok := strings.CutPrefix(q.TypeFrom, "header:"); ok {
		t = headerValue(it.d.Headers[name])
	}
	if t == "" {
		t = c.source.EventType
	}
	t = strings.TrimSpace(hookyard.CleanLine(t, c.s.o.Limits.EventType))
	if t == "" || strings.HasPrefix(t, "hookyard.") {
		return c.source.Name
	}
	return t
}

// parseComment finds the comment in a message of the guestbook's queue, byte for byte, and the URLs that it is to be
// sent to. body is valid JSON. The guestbook's first workers wrote the JSON text once more as a JSON string.
func parseComment(body []byte, depth int) (comment []byte, urls []string, err error) {
	v := gjson.ParseBytes(body)
	if v.Type == gjson.String {
		var inner string
		if err := json.Unmarshal(body, &inner); err != nil || hookyard.CheckJSON([]byte(inner), depth) != nil {
			return nil, nil, notComment("it is a JSON string that holds no JSON")
		}
		v = gjson.Parse(inner)
	}
	if !v.IsObject() {
		return nil, nil, notComment("it is not a JSON object")
	}
	c := v.Get("comment")
	switch {
	case c.IsObject():
		return []byte(c.Raw), webhooksOf(v), nil
	case c.Type == gjson.String:
		return bytes.TrimSpace([]byte(v.Raw)), nil, nil
	}
	return nil, nil, notComment("it has no member comment")
}

func notComment(why string) error {
	return hookyard.Errorf(hookyard.Invalid,
		`not a comment: %s; wanted is {"name", "comment", "time"}, or that within `+
			`{"comment": {…}, "webhooks": [{"url": …}]}`,
		why)
}

// webhooksOf lists the URLs of a message's webhooks, which are objects with a url, or strings.
func webhooksOf(v gjson.Result) []string {
	var urls []string
	for _, w := range v.Get("webhooks").Array() {
		if w.IsObject() {
			w = w.Get("url")
		}
		if w.Type == gjson.String {
			urls = append(urls, w.Str)
		}
	}
	return urls
}
