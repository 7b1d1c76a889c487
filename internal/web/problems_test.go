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
