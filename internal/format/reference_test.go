package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/testenv"
)

const reference = "../../docs/reference.md"

// about says in the reference what each format is for.
var about = map[string]string{
	Raw: "The default. The bytes of a received request as they came, with its content type. A published event is " +
		"sent as in Standard Webhooks.",
	CloudEvents:       "CloudEvents 1.0 in structured mode. A received CloudEvent keeps its attributes.",
	CloudEventsBinary: "CloudEvents 1.0 in binary mode: the attributes are headers.",
	Discord:           "A message for Discord's webhooks.",
	GitHub:            "The data, and the type in the header that GitHub uses.",
	GoogleChat:        "A message for Google Chat's webhooks. Messages about one subject share a thread.",
	NetBeans:          "A notification of NetBeans (Kenai). A push has the event `scm`.",
	Slack:             "A message for Slack's webhooks; Mattermost and Rocket.Chat accept it, too.",
	Teams:             "An Adaptive Card for a workflow of Microsoft Teams.",
	Template:          "What the hook's template writes, here `{\"text\": {{json .Data.title}}}`; see below.",
	Text:              "A message without markup; with the content type `text`, the text alone.",
	WebGME:            "WebGME's envelope.",
	Yobi:              "Git pushes as Yobi's JSON, and everything else as a message.",
}

// TestFormatsInReference compares the section of the reference with what the formats make of an event. With -update it
// writes the section.
func TestFormatsInReference(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "\n### `cloudevents`\n", "\n## Templates\n"
	before, rest, ok := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the formats", reference)
	}
	want := formatsForReference(t)
	if *update {
		if err := os.WriteFile(reference, []byte(before+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, begin+got); diff != "" {
		t.Errorf("%s (-want +got), rewrite it with go test -run TestFormatsInReference -update:\n%s", reference, diff)
	}
}

func formatsForReference(t *testing.T) string {
	var out strings.Builder
	in := input(published(t, "order.created", `{"id": 7, "title": "Order 7", "amount": 120}`))
	in.Event.ID = "evt_01kgv3"
	in.Hook.ID, in.Hook.Template = "billing", `{"text": {{json .Data.title}}}`
	in.Project = &hookyard.Project{Key: 7, Owner: "acme", Name: "shop"}
	for _, name := range Names() {
		s, err := Shape(name, in)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n### `%s`\n\n%s\n\n```http\nContent-Type: %s\n", name, wrap(about[name]), s.ContentType)
		for _, h := range slices.Sorted(maps.Keys(s.Header)) {
			fmt.Fprintf(&out, "%s: %s\n", h, strings.Join(s.Header[h], ", "))
		}
		var body bytes.Buffer
		if err := json.Indent(&body, s.Body, "", "  "); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fmt.Fprintf(&out, "\n%s\n```\n", &body)
	}
	return out.String()
}

// wrap breaks a paragraph into lines.
func wrap(s string) string {
	var out strings.Builder
	column := 0
	for i, word := range strings.Fields(s) {
		switch {
		case i > 0 && column+len(word) >= 119:
			out.WriteString("\n")
			column = 0
		case i > 0:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String()
}

// TestTemplatesInReference holds the tables of fields and functions against the code.
func TestTemplatesInReference(t *testing.T) {
	t.Parallel()
	fields := map[string]bool{".Body": true, ".Data": true} // methods
	for f := range reflect.TypeFor[templateData]().Fields() {
		if f.IsExported() {
			fields["."+f.Name] = true
		}
	}
	work := newBudget()
	functions := map[string]bool{}
	for name := range work.functions() {
		functions[name] = true
	}
	for _, not := range []string{"tick", "show", "printf", "js", "call"} { // internal, or not available
		delete(functions, not)
	}
	var told []string
	for _, row := range testenv.DocTable(t, reference, "Templates") {
		name, _, _ := strings.Cut(row, " ")
		told = append(told, name)
	}
	want := append(slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(functions))...)
	slices.Sort(want)
	slices.Sort(told)
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("%s (-code +told):\n%s", reference, diff)
	}
}
