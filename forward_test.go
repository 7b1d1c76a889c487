package hookyard_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestAppendTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, path, query, want string }{
		{"https://a.example/hook", "", "", "https://a.example/hook"},
		{"https://a.example", "/x", "", "https://a.example/x"},
		{"https://a.example/hook/", "/status/7", "b=2&c=%2F", "https://a.example/hook/status/7?b=2&c=%2F"},
		{"https://a.example/hook?code=own#part", "/x", "code=theirs&a=1&a=2",
			"https://a.example/hook/x?code=own&a=1&a=2"},
		{"https://a.example/hook", "", "token=%2A%2A%2A&a=1", "https://a.example/hook?a=1"},
		{"https://a.example/hook", "//evil.example/x", "", "https://a.example/hook/evil.example/x"},
		{"https://a.example", "@evil.example/x", "", "https://a.example/@evil.example/x"},
		{"https://a.example/hook", "/a%20b/%c3%a9", "", "https://a.example/hook/a%20b/%c3%a9"},
		{"https://a.example/hook", "/..", "", ""},
		{"https://a.example/hook", "/x/%2e%2E/y", "", ""},
		{"https://a.example/hook", "/x/%252e%252e/y", "", ""},
		{"https://a.example/hook", "/x%2f..%2fy", "", ""},
		{"https://a.example/hook", "/..;v=1/y", "", ""},
		{"https://a.example/hook", `/..\y`, "", ""},
		{"https://a.example/hook", "/%5c..", "", ""},
		{"https://a.example/hook", "/%zz", "", ""},
		{"https://a.example/hook", "/100%25", "", "https://a.example/hook/100%25"},
	} {
		got, err := hookyard.AppendTarget(c.base, c.path, c.query)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s + %s ? %s = %q, %v; want %q", c.base, c.path, c.query, got, err, c.want)
		}
	}
}

func TestOutgoing(t *testing.T) {
	t.Parallel()
	e := &hookyard.Event{Method: http.MethodPut, Target: "/status/7?a=1", Header: http.Header{
		"X-Topic": {"orders"}, "Content-Length": {"7"}, "Cookie": {hookyard.Masked}, "X-Checked": {hookyard.Masked},
		"X-Forwarded-For": {"10.0.0.1"}, "X-Original-Url": {"/admin"}, "X-Gitlab-Token": {"secret"}, "Host": {"x"},
	}}
	topic := http.Header{"X-Topic": {"orders"}}
	const url = "https://a.example/hook"
	for name, c := range map[string]struct {
		hook   hookyard.Hook
		format string
		event  *hookyard.Event
		want   hookyard.Outgoing
	}{
		"raw":   {hookyard.Hook{}, "", e, hookyard.Outgoing{Method: "PUT", URL: url + "?a=1", Header: topic}},
		"slack": {hookyard.Hook{}, "slack", e, hookyard.Outgoing{Method: "POST", URL: url}},
		"method": {hookyard.Hook{Method: "PATCH"}, "raw", e,
			hookyard.Outgoing{Method: "PATCH", URL: url + "?a=1", Header: topic}},
		"all": {hookyard.Hook{Forward: hookyard.Forward{Headers: new(true), Path: new(true), Query: new(true),
			Method: new(true)}}, "template", e, hookyard.Outgoing{Method: "PUT",
			URL: url + "/status/7?a=1", Header: topic}},
		"nothing": {hookyard.Hook{Forward: hookyard.Forward{Headers: new(false), Query: new(false),
			Method: new(false)}}, "raw", e, hookyard.Outgoing{Method: "POST", URL: url}},
		"published": {hookyard.Hook{Forward: hookyard.Forward{Headers: new(true)}}, "raw",
			&hookyard.Event{Header: topic}, hookyard.Outgoing{Method: "POST", URL: url}},
		"trace": {hookyard.Hook{}, "raw", &hookyard.Event{Method: "TRACE"},
			hookyard.Outgoing{Method: "POST", URL: url, Header: http.Header{}}},
	} {
		c.hook.URL = url
		got, err := c.hook.Outgoing(c.event, c.format)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}
