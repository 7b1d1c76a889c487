package hookyard_test

import (
	"testing"

	"github.com/hookyard/hookyard"
)

// TestDocument holds what types, filters, searches and templates see of a body, whatever it is wrapped in.
func TestDocument(t *testing.T) {
	t.Parallel()
	const form, doc = "application/x-www-form-urlencoded", `{"a":{"b":1}}`
	parts := "multipart/form-data; boundary=x"
	part := func(header, body string) string { return "--x\r\n" + header + "\r\n\r\n" + body + "\r\n" }
	for _, c := range []struct{ name, contentType, body, want string }{
		{"JSON", "application/json", doc, doc},
		{"no type", "", doc, doc},
		{"byte order mark", "application/json", "\ufeff" + doc, doc},
		{"UTF-16, little", "application/json; charset=utf-16", "\xff\xfe{\x00}\x00", "{}"},
		{"UTF-16, big", "text/json", "\xfe\xff\x00{\x00}", "{}"},
		{"UTF-16 without a mark", "application/json; charset=UTF-16LE", "{\x00}\x00", "{}"},
		{"Latin-1", "application/json; charset=iso-8859-1", "\"J\xf6rg\"", `"Jörg"`},
		{"UTF-8 by a wrong name", "application/json; charset=iso-8859-1", `"Jörg"`, `"Jörg"`},
		{"payload", form, "payload=%7B%22a%22%3A%7B%22b%22%3A1%7D%7D&token=x", doc},
		{"data", form + "; charset=UTF-8", "data=%7B%22a%22%3A%7B%22b%22%3A1%7D%7D", doc},
		{"JSON called a form", form, doc, doc},
		{"fields", form, "command=%2Fweather&text=94070&text=x", `{"command":"/weather","text":"94070"}`},
		{"multipart, payload", parts, part(`Content-Disposition: form-data; name="payload"`, doc) +
			part("Content-Disposition: form-data; name=thumb; filename=t.jpg\r\nContent-Type: image/jpeg", "\xff") +
			"--x--\r\n", doc},
		{"multipart, JSON part", parts, part(`Content-Disposition: form-data; name="n"`, "1") +
			part("Content-Disposition: form-data; name=e; filename=e.json\r\nContent-Type: application/json",
				"\ufeff"+doc) + "--x--\r\n", doc},
		{"multipart, fields", parts, part(`Content-Disposition: form-data; name="from"`, "a@example.com") +
			"--x--\r\n", `{"from":"a@example.com"}`},
		{"multipart that breaks off", parts, "--x\r\nContent-", "--x\r\nContent-"},
		{"text", "text/plain", "payload=1", "payload=1"},
		{"empty", form, "", ""},
	} {
		e := &hookyard.Event{ContentType: c.contentType, Body: []byte(c.body)}
		if got := string(e.Document()); got != c.want {
			t.Errorf("%s: document %q, want %q", c.name, got, c.want)
		}
		if got := string(e.Payload()); got != c.want {
			t.Errorf("%s: payload %q, want %q", c.name, got, c.want)
		}
	}
	published := &hookyard.Event{Body: []byte(`{"type":"t","data":{"n":1}}`), DataOffset: 19}
	if doc, data := string(published.Document()), string(published.Payload()); doc != string(published.Body) ||
		data != `{"n":1}` {
		t.Errorf("published: document %s, payload %s", doc, data)
	}
}
