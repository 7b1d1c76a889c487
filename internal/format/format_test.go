package format

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

// at is the time of every event in these tests.
func at() time.Time { return time.Date(2026, 3, 4, 17, 30, 50, 0, time.UTC) }

// published returns an event like those of the publish API.
func published(t testing.TB, eventType, data string) *hookyard.Event {
	t.Helper()
	e, err := hookyard.Publish(hookyard.Publication{Type: eventType, Data: []byte(data)}, at(),
		hookyard.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	e.ID, e.Seq = "evt_01", 32
	return e
}

// inbound returns an event like those of an inbound URL.
func inbound(eventType, contentType, body string) *hookyard.Event {
	e := hookyard.NewEvent("in", eventType, []byte(body), at())
	e.ID = "evt_01"
	e.Seq = 32
	e.ContentType = contentType
	return e
}

func input(e *hookyard.Event) Input {
	return Input{
		Event:   e,
		Hook:    &hookyard.Hook{ID: "MyWebHook"},
		Project: &hookyard.Project{Key: 7, Owner: "guest", Name: "MyProject"},
		BaseURL: "https://hooks.example",
		Now:     at(),
	}
}

func TestRawIsTheEventAndCostsNothing(t *testing.T) {
	e := inbound("push", "application/json", `{"a": 1}`)
	in := input(e)
	s, err := Shape(Raw, in)
	if err != nil || &s.Body[0] != &e.Body[0] || s.ContentType != "application/json" || s.Header != nil {
		t.Errorf("Shape(raw) = %+v, %v; want the event's own bytes", s, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = Shape(Raw, in) }); n != 0 {
		t.Errorf("Shape(raw) allocates %v times, want 0", n)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		event  *hookyard.Event
		want   string
	}{
		{Raw, inbound("push", "application/json", `{"a":"b c"}`), "payload=%7B%22a%22%3A%22b+c%22%7D"},
		{Raw, inbound("x", "text/plain", "hello"), "hello"},
		{Raw, inbound("x", "application/x-www-form-urlencoded", "a=1"), "a=1"},
		{CloudEventsBinary, inbound("x", "application/json", `{}`), "{}"},
	} {
		in := input(c.event)
		in.Hook.ContentType = "form"
		s, err := Shape(c.format, in)
		if err != nil || string(s.Body) != c.want {
			t.Errorf("%s as form = %s, %v; want %s", c.format, s.Body, err, c.want)
		}
	}
}

func TestShapeRefuses(t *testing.T) {
	t.Parallel()
	past := inbound("push", "application/json", "")
	past.Body, past.Size = nil, 10
	if _, err := Shape(Raw, input(past)); hookyard.CodeOf(err) != hookyard.Gone {
		t.Errorf("event past retention: %v, want code gone", err)
	}
	_, err := Shape("nonsense", input(inbound("push", "", "{}")))
	if hookyard.CodeOf(err) != hookyard.Invalid || !strings.Contains(err.Error(), "webgme") {
		t.Errorf("unknown format: %v, want the list of formats", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hook   hookyard.Hook
		format string
		field  string
	}{
		{format: "", field: ""},
		{format: "xml", field: "format"},
		{format: Template, field: "template"},
		{hook: hookyard.Hook{Template: "{{ .Type }}"}, format: Template},
		{hook: hookyard.Hook{Template: "{{ .Type "}, format: Template, field: "template"},
		{hook: hookyard.Hook{ContentType: "form"}, format: CloudEvents, field: "contentType"},
		{hook: hookyard.Hook{ContentType: "form"}, format: WebGME},
		{hook: hookyard.Hook{ContentType: "text"}, format: WebGME, field: "contentType"},
		{hook: hookyard.Hook{ContentType: "text"}, format: Text},
	} {
		err := Check(&c.hook, c.format)
		var e *hookyard.Error
		field := ""
		if errors.As(err, &e) {
			field = e.Field
		}
		if field != c.field || (err != nil) != (c.field != "") {
			t.Errorf("Check(%+v, %q) = %v, field %q; want field %q", c.hook, c.format, err, field, c.field)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(Names()) {
		t.Errorf("Names() is not sorted: %v", Names())
	}
	for _, name := range Names() {
		if name != Raw && shaper(name) == nil {
			t.Errorf("nothing shapes %s", name)
		}
	}
}

func TestWebGME(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event *hookyard.Event
		data  string
	}{
		{published(t, "COMMIT", `{"n": 12345678901234567890, "a":"<é>"}`), `{"n": 12345678901234567890, "a":"<é>"}`},
		{inbound("COMMIT", "", `{"a":1}`), `{"a":1}`},
		{inbound("COMMIT", "application/json", `{"a":`), `"{\"a\":"`},
		{inbound("COMMIT", "text/plain", `42`), `"42"`},
		{inbound("COMMIT", "application/x-www-form-urlencoded", "a=1&b=2"), `"a=1&b=2"`},
		{inbound("COMMIT", "image/png", "\xff\x00\x01"), `"/wAB"`},
		{inbound("COMMIT", "application/json", "{\"a\":\"\xff\"}"), `"eyJhIjoi/yJ9"`},
		{inbound("COMMIT", "", ""), `null`},
	} {
		s, err := Shape(WebGME, input(c.event))
		want := `{"event":"COMMIT","projectId":"guest+MyProject","owner":"guest","projectName":"MyProject",` +
			`"hookId":"MyWebHook","data":` + c.data + `}`
		if err != nil || string(s.Body) != want || s.ContentType != "application/json" {
			t.Errorf("webgme = %s, %v\nwant %s", s.Body, err, want)
		}
	}
}

func TestCloudEvents(t *testing.T) {
	t.Parallel()
	carried := inbound("order.paid", "application/json", `{"a":1}`)
	carried.Header = http.Header{"Ce-Id": {"o-1"}, "Ce-Source": {"/orders"}, "Ce-Subject": {"4%207%C3%A9"},
		"Ce-Traceparent": {"00-1"},
		"Ce-Time":        {"2026-01-01T00:00:00+02:00"}, "Ce-Bad_name": {"x"}, "Ce-Data": {"x"}}
	structured := inbound("", "application/cloudevents+json; charset=utf-8",
		`{"specversion":"1.0","id":"o-2","source":"/o","type":"t.x","n":5,"datacontenttype":"text/plain","data":"hi"}`)
	const from = `"source":"https://hooks.example/guest/MyProject"`
	for _, c := range []struct {
		name  string
		event *hookyard.Event
		want  string
	}{
		{"published", published(t, "order.paid", `{"n":1.50}`), `{"specversion":"1.0","id":"evt_01",` + from +
			`,"type":"order.paid","time":"2026-03-04T17:30:50Z","datacontenttype":"application/json",` +
			`"data":{"n":1.50}}`},
		{"no type", inbound("", "text/plain", "hi"), `{"specversion":"1.0","id":"evt_01",` + from +
			`,"type":"hookyard.event","time":"2026-03-04T17:30:50Z","datacontenttype":"text/plain","data":"hi"}`},
		{"bytes", inbound("x", "image/png", "\xff\x00"), `{"specversion":"1.0","id":"evt_01",` + from +
			`,"type":"x","time":"2026-03-04T17:30:50Z","datacontenttype":"image/png","data_base64":"/wA="}`},
		{"bad JSON", inbound("x", "application/json", "{"), `{"specversion":"1.0","id":"evt_01",` + from +
			`,"type":"x","time":"2026-03-04T17:30:50Z","datacontenttype":"application/json","data_base64":"ew=="}`},
		{"came binary", carried,
			`{"specversion":"1.0","id":"o-1","source":"/orders","type":"order.paid","subject":"4 7é",` +
				`"time":"2026-01-01T00:00:00+02:00","traceparent":"00-1","datacontenttype":"application/json",` +
				`"data":{"a":1}}`},
		{"came structured", structured,
			`{"specversion":"1.0","id":"o-2","source":"/o","type":"t.x","n":5,` +
				`"datacontenttype":"text/plain","data":"hi"}`},
	} {
		s, err := Shape(CloudEvents, input(c.event))
		if err != nil || string(s.Body) != c.want || !json.Valid(s.Body) {
			t.Errorf("%s: %s, %v\nwant %s", c.name, s.Body, err, c.want)
		}
	}
	s, err := Shape(CloudEventsBinary, input(carried))
	if err != nil || string(s.Body) != `{"a":1}` || s.ContentType != "application/json" {
		t.Errorf("binary = %s (%s), %v", s.Body, s.ContentType, err)
	}
	want := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"o-1"}, "Ce-Source": {"/orders"},
		"Ce-Type":    {"order.paid"},
		"Ce-Subject": {"4%207%C3%A9"}, "Ce-Time": {"2026-01-01T00:00:00+02:00"}, "Ce-Traceparent": {"00-1"}}
	for name := range want {
		if s.Header.Get(name) != want.Get(name) {
			t.Errorf("%s = %q, want %q", name, s.Header.Get(name), want.Get(name))
		}
	}
	if len(s.Header) != len(want) {
		t.Errorf("headers = %v", s.Header)
	}
}

// TestHeadlineNeverCut checks the limits of the parts against Discord's: with every part at its longest and every
// character escaped, the headline is not truncated within a link.
func TestHeadlineNeverCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("_", 5000)
	in := input(inbound("issues", "application/json",
		`{"action":"`+long+`","sender":{"login":"`+long+`"},"issue":{"number":1,"title":"`+long+
			`","body":"`+long+`","html_url":"https://x.example/`+strings.Repeat("(", 190)+`"}}`))
	in.Project = &hookyard.Project{Owner: long[:100], Name: long[:100]}
	n := describe(in)
	if n.url == "" {
		t.Error("the link was dropped")
	}
	for name, m := range map[string]markup{Discord: discordMarkup(), Slack: slackMarkup(),
		GoogleChat: googleChatMarkup(), Teams: teamsMarkup(), Text: plainMarkup()} {
		if size := len([]rune(n.headline(m))); size > discordContent {
			t.Errorf("%s: headline has %d characters, want at most %d", name, size, discordContent)
		}
		if size := len([]rune(n.message(m, googleChatText))); size > googleChatText {
			t.Errorf("%s: message has %d characters, want at most %d", name, size, googleChatText)
		}
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {" a \n\t b ", 9, "a b"}, {"a b", 2, "a…"}, {"é\u202ex\x00", 5, "éx"},
		{"a\xffb", 5, "a\ufffdb"}, {"", 3, ""}, {"abc", 0, ""},
	} {
		if got := oneLine(c.in, c.n); got != c.want {
			t.Errorf("oneLine(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestLinksAreWebAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"/a/b", "https://hooks.example/a/b"}, {"https://x/y", "https://x/y"}, {"javascript:alert(1)", ""},
		{"//evil/x", ""}, {"", ""},
		{"data:text/html,x", ""}, {"https://x/a|b>c", "https://x/a%7Cb%3Ec"}, {"http://[::1", ""},
	} {
		if got := link(input(nil), c.in); got != c.want {
			t.Errorf("link(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
