package format

import (
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

// TestDecodeLimit holds that a body beyond the limit is not decoded, and that what is sent, or the error, says so.
func TestDecodeLimit(t *testing.T) {
	t.Parallel()
	e := hookyard.NewEvent("in", "order.created", []byte(`{"title":"`+strings.Repeat("x", 100)+`"}`), time.Now())
	e.ContentType = "application/json"
	in := Input{Event: e, Project: &hookyard.Project{Owner: "acme", Name: "shop"}, Now: time.Now(), Decode: 100,
		Hook: &hookyard.Hook{ID: "h", Template: "{{.Type}} {{.Body.title}}"}}
	for _, name := range []string{Discord, GoogleChat, Slack, Teams, Text, Yobi, NetBeans} {
		s, err := Shape(name, in)
		if err != nil || !strings.Contains(string(s.Body), "of at most 100 are decoded") && name != Yobi {
			t.Errorf("%s: %s, %v", name, s.Body, err)
		}
		if name != NetBeans && strings.Contains(string(s.Body), "xxx") {
			t.Errorf("%s looked into the body: %s", name, s.Body)
		}
	}
	if _, err := Shape(Template, in); err == nil || !strings.Contains(err.Error(), "--max-decode") {
		t.Errorf("a template: %v", err)
	}
	in.Hook = &hookyard.Hook{ID: "h", Template: "{{.Type}}"}
	if s, err := Shape(Template, in); err != nil || string(s.Body) != "order.created" {
		t.Errorf("a template that does not use the body: %s, %v", s.Body, err)
	}
	for _, name := range []string{Raw, GitHub, WebGME, CloudEvents, CloudEventsBinary} {
		if s, err := Shape(name, in); err != nil || !strings.Contains(string(s.Body), "xxx") {
			t.Errorf("%s: %.100s, %v", name, s.Body, err)
		}
	}
	e.ContentType = "application/cloudevents+json"
	if _, err := Shape(CloudEvents, in); hookyard.CodeOf(err) != hookyard.TooLarge {
		t.Errorf("a CloudEvent in structured mode: %v", err)
	}
}
