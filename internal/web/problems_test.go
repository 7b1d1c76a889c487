package web_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestProblems sends a hook with several faults: the page names each field, with a link to it, and keeps what was typed
// and chosen.
func TestProblems(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	hooks := "/acme/shop/webhooks"
	for _, c := range []struct {
		fields []string
		want   string
	}{
		{[]string{"payloadUrl", "ftp://x", "filter", "(("}, "2 problems: Payload URL, Filter"},
		{[]string{"payloadUrl", "", "schedule", "soon", "timeout", "later", "filter", "(("},
			"4 problems: Payload URL, Timeout, Delay before each attempt, Filter"},
		{[]string{"payloadUrl", receiver, "secretFrom", "typed"}, "1 problem: Secret"},
		{[]string{"payloadUrl", receiver, "secretFrom", "none", "secret", "s3cret"}, "1 problem: Secret"},
	} {
		a := s.post(hooks, append(c.fields, "ours", "1")...)
		if said := summaryOf(a.body); a.StatusCode != http.StatusBadRequest || said != c.want {
			t.Errorf("%q: status %d, the summary is %q, want %q", c.fields, a.StatusCode, said, c.want)
		}
		if n := strings.Count(a.body, " autofocus"); n != 1 {
			t.Errorf("%q: %d fields have the focus", c.fields, n)
		}
		for _, m := range regexp.MustCompile(`<a href="#(field-[^"]+)">`).FindAllStringSubmatch(a.body, -1) {
			if strings.Count(a.body, `id="`+m[1]+`"`) != 1 {
				t.Errorf("%q: the summary links to %s, which is not one field", c.fields, m[1])
			}
		}
	}
}

// summaryOf returns the text of the summary of problems.
func summaryOf(page string) string {
	found := regexp.MustCompile(`(?s)<div class="problem"[^>]*>(.*?)</div>`).FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(found[1], ""))
	return strings.Join(strings.Fields(text), " ")
}

// TestSecretStays checks that a hook gets the secret that its form asked for, also after a mistake.
func TestSecretStays(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	hooks := "/acme/shop/webhooks"
	if page := s.page(hooks); !strings.Contains(page, `name="secretFrom" value="made" checked`) {
		t.Error("a secret is not the default of a new hook")
	}
	a := s.post(hooks, "ours", "1", "payloadUrl", receiver, "secretFrom", "made", "filter", "((")
	if !strings.Contains(a.body, `name="secretFrom" value="made" checked`) {
		t.Error("after a mistake in another field, the choice to create a secret is lost")
	}
	a = s.post(hooks, "ours", "1", "payloadUrl", receiver, "secretFrom", "typed", "secret", "my secret", "filter", "((")
	if !strings.Contains(a.body, `name="secretFrom" value="typed" checked`) || !strings.Contains(a.body, "my secret") {
		t.Error("after a mistake in another field, the secret that was typed is lost")
	}
	for choice, signed := range map[string]string{"made": "with 1 secret", "none": "<dd>no</dd>"} {
		s.led(hooks, "ours", "1", "which", "all", "payloadUrl", receiver, "id", choice, "secretFrom", choice)
		if !strings.Contains(s.page(hooks+"/"+choice), signed) {
			t.Errorf("the hook that was created with %q is not signed so: %s", choice, signed)
		}
	}
	edit := func(choice, want string) {
		t.Helper()
		s.led(hooks+"/made", "do", "update", "ours", "1", "active", "on", "which", "all", "payloadUrl", receiver,
			"secretFrom", choice)
		if !strings.Contains(s.page(hooks+"/made"), want) {
			t.Errorf("after choice %q the hook is not signed so: %s", choice, want)
		}
	}
	edit("kept", "with 1 secret")
	edit("none", "<dd>no</dd>")
	edit("made", "with 1 secret")
}

// TestSourceForm changes where a source takes its events' type from, and its type.
func TestSourceForm(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	lab := "/acme/shop/sources/lab"
	s.sent(lab, "/acme/shop/sources", "type", "gitlab", "name", "lab", "secret", "s3cret", "typeFrom", "header",
		"typeName", "X-Gitlab-Event")
	shown := func(want ...string) {
		t.Helper()
		page := s.page(lab)
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("the page does not hold %s", w)
			}
		}
	}
	shown(`<option value="header" selected>`, `name="typeName" value="X-Gitlab-Event"`)
	s.sent(lab, lab, "do", "update", "active", "on", "type", "gitlab", "typeFrom", "field", "typeName", "object_kind")
	shown(`<option value="field" selected>`, `name="typeName" value="object_kind"`)
	a := s.post(lab, "do", "update", "type", "gitlab", "typeFrom", "header", "typeName", "", "scheme", "{")
	if said := summaryOf(a.body); said != "2 problems: Event type, Scheme" {
		t.Errorf("the summary is %q", said)
	}
	a = s.post(lab, "do", "update", "active", "on", "type", "none", "secret", "other")
	if !strings.Contains(a.body, "so it takes no secret") || !strings.Contains(a.body, `value="other"`) {
		t.Errorf("type none takes a secret: %s", faultsOf(a.body))
	}
	s.sent(lab, lab, "do", "update", "active", "on", "type", "none")
	shown("Requests are not verified", `<option value="none" selected>`)
	if strings.Contains(s.page(lab), "Create new secret") {
		t.Error("a source that verifies nothing offers a new secret")
	}
	s.sent(lab, lab, "do", "update", "active", "on", "type", "token", "secret", "a long token")
	shown(`<option value="token" selected>`, "*** (any text")
}

// TestPreviewOfTypes holds that a preview tries events of the types that are chosen, however many came after them, and
// that a page says what is wrong with a filter once, at the field.
func TestPreviewOfTypes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		s.sent("/a/p", "/", "owner", "a", "name", "p")
		s.publish("a/p", "rare.one", `{"n":1}`)
		for range 25 {
			s.publish("a/p", "often.one", `{"n":2}`)
		}
		preview := func(fields ...string) answer {
			return s.post("/a/p/webhooks", append(fields, "ours", "1", "payloadUrl", receiver, "do", "preview")...)
		}
		a := preview("which", "some", "names", "rare.*", "filter", "data.n = 1")
		if !strings.Contains(a.body, "Matches 1 of the last 1 event of these types") ||
			!strings.Contains(a.body, "read as pairs") {
			t.Errorf("the preview does not try the event of the chosen type: %s", faultsOf(a.body))
		}
		if a = preview("filter", "body.data.n == 2.0"); !strings.Contains(a.body, "Matches 20 of the last 20 events") ||
			!strings.Contains(a.body, "read as CEL") {
			t.Error("the preview of an expression does not match")
		}
		a = preview("filter", "data.n == 1")
		if n := strings.Count(a.body, "in CEL the body is called body"); n != 1 ||
			!strings.Contains(a.body, `id="fault-filter"`) {
			t.Errorf("the page says %d times what is wrong with the filter: %s", n, faultsOf(a.body))
		}
	})
}
