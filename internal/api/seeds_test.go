package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestWebGMEsClient holds what a client of WebGME relies on: unknown members mean nothing in its projects, and are
// errors in others, and the owner of a project that does not exist gets 403 like anyone else.
func TestWebGMEsClient(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		b.project("gme", client.ProjectPatch{Preset: new("webgme")})
		b.project("own", client.ProjectPatch{})
		const body = `{"url":"http://127.0.0.1:1/","events":["COMMIT"],"webhookId":"h","extra":{"a":1}}`
		for project, want := range map[string]int{"gme": http.StatusOK, "own": http.StatusBadRequest} {
			for _, method := range []string{http.MethodPut, http.MethodPatch} {
				path := "/api/v1/projects/alice/" + project + "/hooks/h"
				if status, _, answer := b.do(b.token, method, path, body); status != want {
					t.Errorf("%s %s: %d %s; want %d", method, path, status, answer, want)
				}
			}
		}
		for _, c := range [][2]string{{"GET", ""}, {"GET", "/h"}, {"PUT", "/h"}, {"PATCH", "/h"}, {"DELETE", "/h"}} {
			status, _, answer := b.do(b.token, c[0], "/api/v1/projects/alice/none/hooks"+c[1], body)
			if status != http.StatusForbidden || !strings.Contains(answer, "no such project alice/none") {
				t.Errorf("%s hooks%s of no project: %d %s", c[0], c[1], status, answer)
			}
		}
		_, err := b.alice.Hook(t.Context(), "alice/none", "h")
		if !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("the client says %v; want ErrNotFound", err)
		}
	})
}

// netBeansSample is the sample of NetBeans' documentation.
const netBeansSample = `{
 "message":"[git3] SCM commit: test (username)",
 "user":"username",
 "time":"2009-04-02T17:30:50Z",
 "project":"hook-test",
 "event":"scm",
 "id":32,
 "project_href":"http://netbeans.org/api/projects/hook-test",
 "feature":"git3",
 "feature_href":"http://netbeans.org/api/projects/hook-test/features/git3",
 "data":[{
   "revision":"f7f9cd087568f0db48d8132141d798c01f6f7800",
   "message":"test",
   "changes":[["M","README.txt"]]
 }]
}`

// TestNetBeansSampleIsPublished publishes it as it is. It leaves with its time and id.
func TestNetBeansSampleIsPublished(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		p := b.project("hook-test", client.ProjectPatch{Preset: new("netbeans")})
		url, got := receiver(t, http.StatusOK)
		scm := hookyard.Selector{Names: []string{"scm"}}
		if _, err := b.alice.PutHook(t.Context(), p, "h", client.HookPatch{URL: &url, Events: &scm}); err != nil {
			t.Fatal(err)
		}
		path := "/api/projects/" + p + "/events"
		if status, _, answer := b.do(b.token, http.MethodPost, path, netBeansSample); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, answer)
		}
		body := wait(t, got).Body
		for _, want := range []string{`"time":"2009-04-02T17:30:50Z"`, `"event":"scm"`, `"id":32`, `"feature":"git3"`,
			`"data":[{"revision":"f7f9cd087568f0db48d8132141d798c01f6f7800"`} {
			if !strings.Contains(strings.ReplaceAll(body, " ", ""), want) {
				t.Errorf("sent without %s: %s", want, body)
			}
		}
		for _, wrong := range []string{`{"event":"scm","time":"now"}`, `{"event":"scm"}`, `{"event":"scm","time":1`,
			`{"event":7,"time":"2009-04-02T17:30:50Z"}`, `{"event":"scm","time":"2009-04-02T17:30:50Z"} {}`} {
			if status, _, answer := b.do(b.token, http.MethodPost, path, wrong); status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", wrong, status, answer)
			}
		}
		push := client.Publication{Type: "push", Data: map[string]any{"ref": "refs/heads/main", "commits": []any{}}}
		if _, err := b.alice.Publish(t.Context(), p, push); err != nil {
			t.Fatal(err)
		}
		if r := wait(t, got); !strings.Contains(r.Body, `"event":"scm"`) {
			t.Errorf("a hook for scm got %s of a push", r.Body)
		}
	})
}

// TestAllEventsOfAPreset sends types of two systems to hooks that want all.
func TestAllEventsOfAPreset(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for preset, want := range map[string]string{"webgme": "COMMIT", "yobi": "push",
			"netbeans": "push order.created", "github": "push order.created", "": "push COMMIT order.created"} {
			p := b.project("all-"+preset, client.ProjectPatch{Preset: &preset})
			url := "http://127.0.0.1:1/"
			all := hookyard.SelectAll()
			if _, err := b.alice.PutHook(ctx, p, "h", client.HookPatch{URL: &url, Events: &all}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, kind := range []string{"push", "COMMIT", "order.created"} {
				r, err := b.alice.Publish(ctx, p, client.Publication{Type: kind, Data: map[string]any{}})
				if err != nil {
					t.Fatal(err)
				}
				if r.Deliveries == 1 {
					got = append(got, kind)
				}
				x, err := b.alice.Explain(ctx, p, r.ID)
				if err != nil || len(x.Hooks) != 1 || x.Hooks[0].Wanted != (r.Deliveries == 1) {
					t.Errorf("%s: explained as %+v, %v", kind, x, err)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("preset %q: the hook got %v; want %s", preset, got, want)
			}
		}
	})
}
