package format

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/hookyard/hookyard"
)

// FuzzShape formats any body of any content type in every format. It must not panic, JSON must be valid, the limits of
// the services must be kept, and the event must not change.
func FuzzShape(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("push", "application/json", a.Files[0].Data)
	}
	f.Add("", "", []byte(nil))
	f.Add("a.b\r\nc", "application/cloudevents+json",
		[]byte(`{"specversion":"1.0","id":"1","source":"/","type":"t","data_base64":"AA=="}`))
	f.Add("NEW_ISSUE", "application/x-www-form-urlencoded",
		[]byte("payload=%7B%22ref%22%3A%22x%22%2C%22after%22%3A%221%22%7D"))
	f.Add("x", "application/json", []byte(`{"issue":{"title":"`+strings.Repeat(`_(<&@all|`,
		200)+`","number":1},"sender":{"login":"\u202e"}}`))
	f.Add("x", "application/json", []byte(strings.Repeat("[", 20000)))
	f.Fuzz(func(t *testing.T, eventType, contentType string, body []byte) {
		in := input(inbound(eventType, contentType, string(body)))
		in.Event.Header = map[string][]string{"Ce-Source": {contentType}, "Ce-Subject": {eventType},
			"X-Github-Event": {eventType}}
		in.Hook.Template = `{{ .Body }}{{ get "commits.0.id" }}{{ json .Body }}`
		shapeAll(t, in)
		if hookyard.CheckJSON(body, 100) == nil && len(body) > 0 {
			data := in
			data.Event = published(t, "fuzz", string(body))
			shapeAll(t, data)
		}
		if string(body) != string(in.Event.Body) {
			t.Error("event changed")
		}
	})
}

func shapeAll(t *testing.T, in Input) {
	t.Helper()
	for _, form := range []string{"", "form"} {
		in.Hook.ContentType = form
		for _, name := range Names() {
			if s, err := Shape(name, in); err == nil {
				checkShaped(t, name, s, in)
			}
		}
	}
}

func checkShaped(t *testing.T, name string, s Shaped, in Input) {
	t.Helper()
	for header, values := range s.Header {
		if strings.ContainsAny(values[0], "\r\n\x00") {
			t.Errorf("%s: header %s holds %q", name, header, values[0])
		}
	}
	if in.Hook.ContentType == "form" || name == Raw || name == Template || name == CloudEventsBinary {
		return
	}
	if !json.Valid(s.Body) || !utf8.Valid(s.Body) {
		t.Errorf("%s is not JSON in UTF-8: %q", name, s.Body)
	}
	if len(s.Resource) > 4*255 {
		t.Errorf("%s: resource of %d bytes", name, len(s.Resource))
	}
	if limit := map[string]int{Slack: 60 << 10, GoogleChat: 32_000, Teams: 28 << 10, Text: 32_000,
		Discord: 60 << 10}[name]; limit > 0 && len(s.Body) > limit {
		t.Errorf("%s: message of %d bytes", name, len(s.Body))
	}
	var m struct {
		Text    string
		Content string
		Embeds  []struct{ Description string }
	}
	if json.Unmarshal(s.Body, &m) != nil || name == CloudEvents || name == WebGME || name == GitHub {
		return
	}
	if n := utf8.RuneCountInString(m.Text); n > googleChatText {
		t.Errorf("%s: text of %d characters", name, n)
	}
	if n := utf8.RuneCountInString(m.Content); n > discordContent {
		t.Errorf("%s: content of %d characters", name, n)
	}
	if name == Slack && strings.Contains(m.Text, "<!") {
		t.Errorf("slack: %q mentions", m.Text)
	}
}

// FuzzTemplate executes any template for any body. It must not panic, must end, and its result must be bounded.
func FuzzTemplate(f *testing.F) {
	for _, text := range hostileTemplates() {
		f.Add(text, []byte(`{"list":[1,2,3]}`))
	}
	f.Add(`{{ if gt .Body.a 1 }}{{ json .Body }}{{ end }}{{ date "2006" .Time }}`, []byte(`{"a":1e400}`))
	f.Add(`{{ with $x := .Header }}{{ index $x "A" }}{{ else with .Body }}{{ slice "abc" 1 2 }}{{ end }}`, []byte(`x`))
	f.Add(`{{ block "a" . }}{{ .Type | truncate 3 | upper }}{{ end }}{{ range $i, $e := .Body }}{{ continue }}{{ `+
		`end }}`, []byte(`[1]`))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		in := input(inbound("x", "application/json", string(body)))
		in.Hook.Template = text
		err := Check(in.Hook, Template)
		s, shapeErr := Shape(Template, in)
		if err != nil && shapeErr == nil {
			t.Errorf("%q is refused by Check (%v) and taken by Shape", text, err)
		}
		if len(s.Body) > maxOutput {
			t.Errorf("%q writes %d bytes", text, len(s.Body))
		}
		if !bytes.Equal(in.Event.Body, body) {
			t.Error("event changed")
		}
	})
}
