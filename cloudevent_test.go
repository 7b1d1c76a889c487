package hookyard_test

import (
	"net/http"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestCloudEventType(t *testing.T) {
	t.Parallel()
	structured := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	for _, c := range []struct {
		header     http.Header
		body, want string
	}{
		{http.Header{"Ce-Specversion": {"1.0"}, "Ce-Type": {"com.example.%C3%B6"}}, "x", "com.example.ö"},
		{http.Header{"Ce-Type": {"t"}}, "x", ""},
		{structured, `{"specversion":"1.0","type":"t.x"}`, "t.x"},
		{structured, "\ufeff" + `{"specversion":"1.0","type":"t.x"}`, "t.x"},
		{structured, `{"type":"t.x"}`, ""},
		{structured, `[]`, ""},
		{http.Header{"Content-Type": {"application/json"}}, `{"specversion":"1.0","type":"t.x"}`, ""},
	} {
		if got := hookyard.CloudEventType(c.header, []byte(c.body)); got != c.want {
			t.Errorf("%v %s: %q, want %q", c.header, c.body, got, c.want)
		}
	}
}
