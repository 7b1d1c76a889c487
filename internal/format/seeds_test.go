package format

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard"
)

// The samples are from the documentation of the systems whose formats these are, including the order of keys. Where
// hookyard differs on purpose, the test says so and changes the sample.

const webGMESample = `{
  "event": "COMMIT",
  "projectId": "guest+MyProject",
  "owner": "guest",
  "projectName": "MyProject",
  "hookId": "MyWebHook",
  "data": {
    "projectId": "demo+Templates",
    "commitHash": "#d8de3bdd38be13c43ea182058d397e9e28d4b4ef",
    "userId": "demo"
  }
}`

const yobiSample = `{
  "ref": ["refs/heads/master"],
  "commits": [{
    "id": "c2f9f27ea16004020d1f4e846217c2825d217a12",
    "message": "test\n",
    "timestamp": "2015-06-12T04:41:21+0900",
    "url": "http://localhost:9000/dddeeee/commit/c2f9f27ea16004020d1f4e846217c2825d217a12",
    "author": {"name": "hello", "email": "hello@hello.com"},
    "committer": {"name": "hello", "email": "hello@hello.com"}
  }],
  "head_commit": {
    "id": "c2f9f27ea16004020d1f4e846217c2825d217a12",
    "message": "test\n",
    "timestamp": "2015-06-12T04:41:21+0900",
    "url": "http://localhost:9000/dddeeee/commit/c2f9f27ea16004020d1f4e846217c2825d217a12",
    "author": {"name": "hello", "email": "hello@hello.com"},
    "committer": {"name": "hello", "email": "hello@hello.com"}
  },
  "sender": {"login": "hello", "id": 2, "avatar_url": "/assets/images/default-avatar-128.png", "type": "User", ` +
	`"site_admin": false},
  "pusher": {"name": "hello", "email": "hello@hello.com"},
  "repository": {"id": 33, "name": "dddeeee", "owner": "hello", "html_url": "/hello/dddeeee", "overview": "eee", ` +
	`"private": false}
}`

const netBeansSample = `{
  "message": "[git3] SCM commit: test (username)",
  "user": "username",
  "time": "2009-04-02T17:30:50Z",
  "project": "hook-test",
  "event": "scm",
  "id": 32,
  "project_href": "http://netbeans.org/api/projects/hook-test",
  "feature": "git3",
  "feature_href": "http://netbeans.org/api/projects/hook-test/features/git3",
  "data": [{
    "revision": "f7f9cd087568f0db48d8132141d798c01f6f7800",
    "message": "test",
    "changes": [["M", "README.txt"]]
  }]
}`

func compact(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(s)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// seen formats an event that was published with the given data.
func seen(t *testing.T, format, eventType, data string, project *hookyard.Project, base string) string {
	t.Helper()
	in := input(published(t, eventType, data))
	in.Event.Body = bytes.Replace(in.Event.Body, []byte("2026-03-04"), []byte("2009-04-02"), 1)
	in.Project, in.BaseURL = project, base
	s, err := Shape(format, in)
	if err != nil {
		t.Fatal(err)
	}
	return string(s.Body)
}

func TestWebGMESample(t *testing.T) {
	t.Parallel()
	want := compact(t, webGMESample)
	data := want[strings.Index(want, `"data":`)+7 : len(want)-1]
	got := seen(t, WebGME, "COMMIT", data, &hookyard.Project{Owner: "guest", Name: "MyProject"}, "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestYobiSample(t *testing.T) {
	t.Parallel()
	const commit = `{"id":"c2f9f27ea16004020d1f4e846217c2825d217a12","message":"test\n",` +
		`"timestamp":"2015-06-12T16:41:21+09:00",
		"url":"http://localhost:9000/hello/dddeeee/commit/c2f9f27ea16004020d1f4e846217c2825d217a12","added":["a"],
		"author":{"name":"hello","email":"hello@hello.com"},"committer":{"name":"hello","email":"hello@hello.com"}}`
	got := seen(t, Yobi, "push", `{"ref":"refs/heads/master","commits":[`+commit+`],"head_commit":`+commit+`,
		"repository":{"id":33,"name":"dddeeee","full_name":"hello/dddeeee","owner":{"login":"hello"},`+
		`"html_url":"/hello/dddeeee","description":"eee","private":false},
		"pusher":{"name":"hello","email":"hello@hello.com"},
		"sender":{"login":"hello","id":2,"avatar_url":"/assets/images/default-avatar-128.png","type":"User",`+
		`"site_admin":false}}`,
		&hookyard.Project{Owner: "hello", Name: "dddeeee"}, "http://localhost:9000")
	want := strings.NewReplacer(
		"2015-06-12T04:41:21+0900", "2015-06-12T16:41:21+09:00", // 24 hours: 04:41 in the sample was 16:41
		"9000/dddeeee/commit", "9000/hello/dddeeee/commit", // includes the owner
		`"/assets`, `"http://localhost:9000/assets`, // absolute
		`"/hello/dddeeee"`, `"http://localhost:9000/hello/dddeeee"`, // absolute
	).Replace(compact(t, yobiSample))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNetBeansSample(t *testing.T) {
	t.Parallel()
	project := &hookyard.Project{Owner: "kenai", Name: "hook-test"}
	const revision = `{"id":"f7f9cd087568f0db48d8132141d798c01f6f7800","message":"test\n","added":[],"removed":[],` +
		`"modified":["README.txt"]}`
	// projects have owners here
	want := strings.ReplaceAll(compact(t, netBeansSample), "/api/projects/", "/api/projects/kenai/")
	push := seen(t, NetBeans, "push",
		`{"ref":"refs/heads/master","feature":"git3","commits":[`+revision+`],"head_commit":`+revision+`,`+
			`"pusher":{"name":"username"}}`,
		project, "http://netbeans.org")
	if diff := cmp.Diff(want, push); diff != "" {
		t.Errorf("from a push: %s", diff)
	}
	own := seen(t, NetBeans, "scm", netBeansSample, project, "http://netbeans.org")
	if diff := cmp.Diff(want, own); diff != "" {
		t.Errorf("from its own shape: %s", diff)
	}
}

// TestYobiSecret sends the secret as Yobi does, in all its types, and not in a project of another system.
func TestYobiSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, preset, want string }{
		{Yobi, "yobi", "token s3cret"}, {Slack, "yobi", "token s3cret"}, {GoogleChat, "yobi", "token s3cret"},
		{Slack, "", ""}, {GoogleChat, "github", ""}, {Discord, "yobi", ""},
	} {
		in := input(published(t, "NEW_ISSUE", `{"title":"x"}`))
		in.Project = &hookyard.Project{Owner: "o", Name: "p", Preset: c.preset}
		in.Hook.Secrets = []hookyard.Secret{{Value: "s3cret"}}
		s, err := Shape(c.format, in)
		if got := s.Header.Get("Authorization"); err != nil || got != c.want {
			t.Errorf("%s in preset %q: Authorization %q, %v; want %q", c.format, c.preset, got, err, c.want)
		}
	}
}

func TestThreadOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, answer, want string }{
		{GoogleChat, `{"name":"spaces/A/messages/1","thread":{"name":"spaces/A/threads/B"}}`, "spaces/A/threads/B"},
		{GoogleChat, `{"thread":{}}`, ""},
		{GoogleChat, `<html>`, ""},
		{GoogleChat, `{"thread":{"name":"a\nb"}}`, ""},
		{GoogleChat, `{"thread":{"name":"` + strings.Repeat("x", 2001) + `"}}`, ""},
		{Slack, `{"thread":{"name":"spaces/A/threads/B"}}`, ""},
	} {
		if got := ThreadOf(c.format, []byte(c.answer)); got != c.want {
			t.Errorf("ThreadOf(%s, %.60s) = %q, want %q", c.format, c.answer, got, c.want)
		}
	}
}

func TestTextAsPlainText(t *testing.T) {
	t.Parallel()
	in := input(published(t, "order.created", `{"title":"Seven"}`))
	in.Hook.ContentType = "text"
	s, err := Shape(Text, in)
	if err != nil || string(s.Body) != "[guest/MyProject] order.created: Seven" || s.ContentType != typeText {
		t.Errorf("text = %s (%s), %v", s.Body, s.ContentType, err)
	}
}
