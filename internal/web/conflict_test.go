package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestEditedTwice lets two people save one form: the second is told, loses nothing, and may save over the first.
func TestEditedTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		s.stock(receiver)
		hidden := func(body, name string) string {
			found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body)
			if found == nil {
				t.Fatalf("the form has no field %s", name)
			}
			return found[1]
		}
		for _, c := range []struct {
			form, to string
			fields   []string
		}{
			{"/acme/shop/webhooks/billing/edit", "/acme/shop/webhooks/billing",
				[]string{"ours", "1", "active", "on", "which", "all", "payloadUrl", receiver}},
			{"/acme/shop/settings", "/acme/shop/settings", nil},
			{"/acme/shop/sources/github", "/acme/shop/sources/github", []string{"active", "on"}},
		} {
			first := hidden(s.page(c.form), "revision")
			send := func(do string, pairs ...string) answer {
				return s.post(c.to, append(append([]string{"do", do}, pairs...), c.fields...)...)
			}
			if a := send("update", "revision", first, "description", "Mine"); a.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s: status %d: %s", c.to, a.StatusCode, faultsOf(a.body))
			}
			late := send("update", "revision", first, "description", "Theirs")
			if late.StatusCode != http.StatusBadRequest || !strings.Contains(late.body, `value="Theirs"`) ||
				!strings.Contains(late.body, "See the current version") ||
				strings.Contains(late.body, `value="update"`) {
				t.Errorf("%s: a stale form: status %d, %s", c.to, late.StatusCode, faultsOf(late.body))
			}
			if !strings.Contains(s.page(c.form), `value="Mine"`) {
				t.Errorf("%s: the stale form was saved", c.to)
			}
			if a := send("overwrite", "revision", first, "now", hidden(late.body, "now"), "description",
				"Theirs"); a.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: saving over it: status %d, %s", c.to, a.StatusCode, faultsOf(a.body))
			}
			if !strings.Contains(s.page(c.form), `value="Theirs"`) {
				t.Errorf("%s: what was to be saved over the other was not", c.to)
			}
		}
	})
}

// TestEditedWhenGone saves what was deleted while somebody typed.
func TestEditedWhenGone(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	for _, c := range []struct{ path, button string }{{"/acme/shop/webhooks/billing", "Add hook"},
		{"/acme/shop/sources/github", "Add source"}} {
		if a := s.post(c.path, "do", "delete"); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("deleting %s: status %d", c.path, a.StatusCode)
		}
		a := s.post(c.path, "do", "update", "ours", "1", "revision", "1", "type", "github", "payloadUrl", receiver,
			"description", "Typed for long")
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `value="Typed for long"`) ||
			!strings.Contains(a.body, c.button) || !strings.Contains(a.body, "has been deleted") {
			t.Errorf("%s: status %d: %s", c.path, a.StatusCode, faultsOf(a.body))
		}
	}
}

// TestManyHooks lists more hooks than a page holds: each has its figures, and can be found.
func TestManyHooks(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.sent("/a/p", "/", "owner", "a", "name", "p")
	const hooks = "/a/p/webhooks"
	for i := range 60 {
		s.sent(hooks, hooks, "ours", "1", "active", "on", "which", "all", "id", fmt.Sprintf("hook-%02d", i),
			"payloadUrl", receiver+"/good")
	}
	e := s.publish("a/p", "order.created", `{}`)
	for i := 50; i < 60; i++ {
		s.deliveryOf("a/p", e, fmt.Sprintf("hook-%02d", i), "delivered")
	}
	if page := s.page("/"); strings.Contains(page, "0+") {
		t.Error("nothing waits, and the projects say 0+")
	}
	first := s.page(hooks)
	next := regexp.MustCompile(`href="(\?after=[^"]+)" rel="next"`).FindStringSubmatch(first)
	if next == nil || strings.Contains(first, "<b>hook-50</b>") || !strings.Contains(first, "<b>hook-49</b>") {
		t.Fatal("the first page does not hold the first 50 hooks")
	}
	second := s.page(hooks + next[1])
	if n := strings.Count(second, `ok">200`); n != 10 || strings.Contains(second, "none yet") ||
		strings.Contains(second, `rel="next"`) {
		t.Errorf("the second page shows the figures of %d hooks", n)
	}
	if found := s.page(hooks + "?q=HOOK-59"); !strings.Contains(found, "<b>hook-59</b>") ||
		strings.Contains(found, "<b>hook-58</b>") || !strings.Contains(found, "1 of 60 hooks") {
		t.Error("a hook is not found by a part of its id")
	}
	if none := s.page(hooks + "?q=nothing"); !strings.Contains(none, "No matching hooks.") {
		t.Error("finding nothing says nothing")
	}
}

// TestErrorsKnowTheVisitor holds that no error offers to sign in whoever is, and that errors in a project keep its
// tabs.
func TestErrorsKnowTheVisitor(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	s.sent("/admin/p", "/", "owner", "admin", "name", "p")
	foreign := s.request(http.MethodPost, "/admin/p/webhooks", strings.NewReader("payloadUrl=x"))
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	large := s.request(http.MethodPost, "/admin/p/publish", strings.NewReader("body="+strings.Repeat("x", 9<<20)))
	large.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for status, r := range map[int]*http.Request{
		http.StatusForbidden: foreign, http.StatusRequestEntityTooLarge: large,
	} {
		if a := s.do(r); a.StatusCode != status || strings.Contains(a.body, "Sign in") {
			t.Errorf("%s: status %d, want %d, or it offers to sign in", r.URL, a.StatusCode, status)
		}
	}
	if a := s.get("/setup?token=used"); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, ">Sign in<") {
		t.Errorf("a used link: status %d, or it offers to sign in", a.StatusCode)
	}
	if a := s.get("/admin/p/nothing"); a.StatusCode != http.StatusNotFound ||
		!strings.Contains(a.body, `href="/admin/p/webhooks"`) {
		t.Errorf("an unknown page of a project: status %d, or without its tabs", a.StatusCode)
	}
	for _, path := range []string{"/admin/p/nothing", "/admin/none/nothing"} {
		if a := s.as("").get(path); a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "/webhooks") {
			t.Errorf("%s: a stranger learns of the project", path)
		}
	}
	for path, to := range map[string]string{"/admin/p/": "/admin/p", "/admin/p/hooks": "/admin/p/webhooks"} {
		if a := s.get(path); a.Header.Get("Location") != to {
			t.Errorf("%s leads to %q, want %q", path, a.Header.Get("Location"), to)
		}
	}
}

// TestQueueKeepsWhatItsPageDoesNotShow changes the description of a RabbitMQ source on its page.
func TestQueueKeepsWhatItsPageDoesNotShow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, _ string) {
		s.sent("/a/p", "/", "owner", "a", "name", "p")
		const source = "/api/projects/a/p/sources/queue"
		const settings = `"declare":true,"arguments":{"x-queue-type":"quorum"},"prefetch":7,` +
			`"typeFrom":"header:kind","expect":"json"`
		r := s.request(http.MethodPut, source, strings.NewReader(
			`{"type":"rabbitmq","active":false,"rabbitmq":{"url":"amqp://bob:PASS@127.0.0.1/","queue":"in",`+
				settings+`}}`))
		if a := s.do(r); a.StatusCode != http.StatusCreated {
			t.Fatalf("status %d: %s", a.StatusCode, a.body)
		}
		page := "/a/p/sources/queue"
		shown := regexp.MustCompile(`name="queueUrl" value="([^"]*)"`).FindStringSubmatch(s.page(page))
		if shown == nil || shown[1] != "amqp://***@127.0.0.1/" {
			t.Fatalf("the form shows the broker as %q", shown)
		}
		s.sent(page, page, "do", "update", "description", "Ours", "queueUrl", shown[1], "queue", "in")
		body := s.get(source).body
		for _, want := range []string{`"description":"Ours"`, settings, `"url":"amqp://***@127.0.0.1/","queue":"in"`} {
			if !strings.Contains(body, want) {
				t.Errorf("after saving the page the source is %s; want %s in it", body, want)
			}
		}
		unnamed := s.post(page, "do", "update", "queueUrl", shown[1], "queue", "")
		if unnamed.StatusCode != http.StatusBadRequest ||
			!strings.Contains(unnamed.body, "rabbitmq.queue must be a name") {
			t.Errorf("a queue without a name: status %d: %s", unnamed.StatusCode, faultsOf(unnamed.body))
		}
	})
}
