package web_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestQueueSourceKept saves the page of a queue's source: what its form does not show must stay as it is.
func TestQueueSourceKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, _ string) {
		s.sent("/acme/shop", "/", "owner", "acme", "name", "shop")
		const api, page = "/api/projects/acme/shop/sources/jobs", "/acme/shop/sources/jobs"
		r := s.request(http.MethodPut, api, strings.NewReader(`{"type": "rabbitmq", "active": false, "rabbitmq": {
			"url": "amqp://bob:secret@127.0.0.1:1/jobs", "queue": "jobs", "declare": true,
			"arguments": {"x-queue-type": "quorum"}, "prefetch": 7, "typeFrom": "routingKey", "exclusive": true,
			"expect": "json"}}`))
		r.Header.Set("Content-Type", "application/json")
		if a := s.do(r); a.StatusCode != http.StatusCreated {
			t.Fatalf("creating the source: status %d: %s", a.StatusCode, a.body)
		}
		before := s.object(api)
		if shown := s.page(page); !strings.Contains(shown, `value="amqp://***@127.0.0.1:1/jobs"`) {
			t.Fatal("the page does not show the broker's URL without its password")
		}
		s.sent(page, page, "do", "update", "description", "Jobs", "queueUrl", "amqp://***@127.0.0.1:1/jobs",
			"queue", "jobs")
		after := s.object(api)
		if after["description"] != "Jobs" {
			t.Errorf("the description is %q", after["description"])
		}
		if !reflect.DeepEqual(after["rabbitmq"], before["rabbitmq"]) {
			t.Errorf("the queue's settings are %v, were %v", after["rabbitmq"], before["rabbitmq"])
		}
		if a := s.post(page, "do", "update", "queueUrl", "amqp://***@127.0.0.1:1/jobs", "queue", ""); a.StatusCode !=
			http.StatusBadRequest || !strings.Contains(a.body, "rabbitmq.queue must be a name") {
			t.Errorf("a queue without a name: status %d: %s", a.StatusCode, faultsOf(a.body))
		}
	})
}

// object is the JSON object at a path.
func (s *server) object(path string) map[string]any {
	s.t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(s.page(path)), &out); err != nil {
		s.t.Fatal(err)
	}
	return out
}
