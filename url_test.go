package hookyard_test

import (
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://example.com/x?y=z":                     "https://example.com/x?y=z",
		"https://example.com/users/me@example.com":      "https://example.com/users/me@example.com",
		"http://bob:PASS@host/users/me@example.com":     "http://***@host/users/me@example.com",
		"http://bob:PASS@host?to=me@example.com":        "http://***@host?to=me@example.com",
		"http://bob:PASS@host#me@example.com":           "http://***@host#me@example.com",
		"http://bob@host/":                              "http://***@host/",
		"http://bob:PA@SS@host/":                        "http://***@host/",
		"http://bob:PASS@[::1]:8080/in":                 "http://***@[::1]:8080/in",
		"amqp://bob:PASS@broker:5672/%2f":               "amqp://***@broker:5672/%2f",
		"amqps://bob:PA/SS@broker/":                     "amqps://***",
		"http://bob:PA%SS@host/":                        "http://***",
		"http://bob:PASS@host/%zz":                      "http://***",
		"http://bob:PASS\\@host/":                       "http://***",
		"http://***@host/":                              "http://***@host/",
		"the description was changed by me@example.com": "the description was changed by me@example.com",
		"": "",
	} {
		if got := hookyard.MaskURL(raw); got != want {
			t.Errorf("MaskURL(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestMaskPassword(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"postgres://u:secret@db:5432/x?sslmode=disable":          "postgres://u:***@db:5432/x?sslmode=disable",
		"postgres://db/x?user=u&password=secret&sslmode=disable": "postgres://db/x?user=u&password=***&sslmode=disable",
		"postgres:///x?host=/run&password=secret":                "postgres:///x?host=/run&password=***",
		"http://proxy:3128":         "http://proxy:3128",
		"30s":                       "30s",
		"postgres://u@db/x":         "postgres://u@db/x",
		"postgres://u:sec/ret@db/x": "postgres://***",
		"postgres://u:secret@db/x?p%61ssword=secret#top":   "postgres://u:***@db/x?p%61ssword=***#top",
		"postgres://h/d?sslpassword=zz&sslkey=k&PASSWORD=": "postgres://h/d?sslpassword=***&sslkey=k&PASSWORD=",
		"http://127.0.0.1:4318/?api-key=zz&api_key=zz":     "http://127.0.0.1:4318/?api-key=***&api_key=***",
		"/var/lib/hookyard.db":                             "/var/lib/hookyard.db",
		"host=db password=secret dbname=x":                 "host=db password=*** dbname=x",
		`PASSWORD = 'sec\' ret' host=db`:                   "PASSWORD = *** host=db",
		"host=db\tsslpassword='secret":                     "host=db\tsslpassword=***",
	} {
		if got := hookyard.MaskPassword(raw); got != want {
			t.Errorf("MaskPassword(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestMaskCredentials(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://u:p@a.example/?access_token=t&page=2":  "https://***@a.example/?access_token=***&page=2",
		"/in/a/b/c?hub.verify_token=Q&hub.mode=s&token": "/in/a/b/c?hub.verify_token=***&hub.mode=s&token",
		"https://a.example/x?monkey=7&tokens=3&key=k":   "https://a.example/x?monkey=7&tokens=3&key=***",
	} {
		if got := hookyard.MaskCredentials(raw); got != want {
			t.Errorf("MaskCredentials(%q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzMaskURL(f *testing.F) {
	f.Add("host/users/me@example.com")
	f.Add("/@host")
	f.Fuzz(func(t *testing.T, rest string) {
		const password = "Pa55-w0rd"
		raw := "http://bob:" + password + "@" + rest
		if got := hookyard.MaskURL(raw); strings.Contains(got, password) && !strings.Contains(rest, password) {
			t.Errorf("MaskURL(%q) = %q", raw, got)
		}
	})
}

func TestURLOrigin(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://hooks.example.com/services/T0/B0?token=x#y": "https://hooks.example.com/***",
		"https://bob:pw@hooks.example.com:8443/users/a@b":    "https://***@hooks.example.com:8443/***",
		"https://hooks.example.com?token=x":                  "https://hooks.example.com/***",
		"https://hooks.example.com/":                         "https://hooks.example.com/",
		"https://hooks.example.com":                          "https://hooks.example.com",
		"amqp://bob:pw@mq.example.com":                       "amqp://***@mq.example.com",
		"http://bob:p%w@host/":                               "http://***",
		"no URL":                                             "***",
	} {
		if got := hookyard.URLOrigin(raw); got != want {
			t.Errorf("URLOrigin(%q) = %q, want %q", raw, got, want)
		}
	}
}
