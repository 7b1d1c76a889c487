package rabbitmq

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
)

// FuzzComment: what is taken for a comment is a JSON object, and part of the message unless that was encoded twice.
func FuzzComment(f *testing.F) {
	for _, s := range []string{
		`{"name":"n","comment":"c","time":1}`,
		`{"comment":{"name":"n"},"webhooks":[{"url":"http://h/"},"http://h/2",3,null,{"url":5}]}`,
		`"{\"comment\":\"c\"}"`, `"\"{}\""`, `{"comment":null}`, `[]`, `null`,
		` {"comment" : {} , "webhooks" : {"url":"x"} } `,
		`{"comment":"a","comment":{"b":1}}`, `{"\u0063omment":"x"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if hookyard.CheckJSON(body, 1000) != nil {
			return
		}
		comment, urls, err := parseComment(body, 1000)
		if err != nil {
			if hookyard.CodeOf(err) != hookyard.Invalid {
				t.Fatal(err)
			}
			return
		}
		var o map[string]any
		if err := json.Unmarshal(comment, &o); err != nil || o == nil {
			t.Fatalf("%q is no object: %v", comment, err)
		}
		if trimmed := bytes.TrimSpace(body); trimmed[0] == '{' && !bytes.Contains(body, comment) {
			t.Fatalf("%q is not in %q", comment, body)
		}
		_ = urls
	})
}

// FuzzHeader: whatever a message's headers hold, they are kept as headers, line by line, within the limit.
func FuzzHeader(f *testing.F) {
	f.Add("X-A", "b", "id", 1000)
	f.Add("x\r\ny", "b\r\nX-Injected: c", "\x00", 1000)
	f.Add("authorization", "secret", "", 50)
	f.Fuzz(func(t *testing.T, name, value, id string, limit int) {
		d := &amqp.Delivery{MessageId: id, RoutingKey: value,
			Headers: amqp.Table{name: value, "t": amqp.Table{name: value}}}
		h := headerOf(d, limit)
		encoded := hookyard.EncodeHeader(nil, h)
		if back := hookyard.DecodeHeader(encoded); !reflect.DeepEqual(back, h) {
			t.Fatalf("%v came back as %v", h, back)
		}
		if limit >= 0 && len(encoded) > 3*limit { // bytes that are not UTF-8 take three
			t.Fatalf("%d bytes", len(encoded))
		}
		for n := range h {
			if http.CanonicalHeaderKey(n) != n {
				t.Fatalf("%q is not canonical", n)
			}
		}
	})
}
