package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestFilterWork publishes a list of events to a project whose filters would take many minutes for it: it is refused as
// a whole, says why, ends with its request, and leaves other projects alone.
func TestFilterWork(t *testing.T) {
	t.Parallel()
	s := dev(t)
	y, quiet := newYard(t, s, "heavy"), newYard(t, s, "quiet")
	rc := newReceiver(t, nil)
	for i := range 50 {
		y.hook(fmt.Sprint("h", i), rc.url, client.HookPatch{Events: ptr(hookyard.SelectAll()), Filter: ptr(
			"body.data.all(i, body.data.exists(j, j == 199.0))")})
	}
	quiet.hook("h", rc.url, client.HookPatch{Filter: ptr("type = order.*")})
	numbers := make([]int, 200)
	for i := range numbers {
		numbers[i] = i
	}
	data, err := json.Marshal(numbers)
	if err != nil {
		t.Fatal(err)
	}
	one := fmt.Sprintf(`{"type":"order.created","data":%s}`, data)
	list := []byte("[" + strings.Repeat(one+",", 999) + one + "]")
	at := func(y *yard) string { return y.s.url + "/api/projects/" + y.project + "/events" }

	refused := make(chan reply, 1)
	go func() {
		r, _ := askContext(t.Context(), http.MethodPost, at(y), list, "Content-Type", "application/json")
		refused <- r
	}()
	var answer reply
	for n := 0; answer.status == 0; n++ {
		if r := ask(t, http.MethodPost, at(quiet), []byte(one), "Content-Type", "application/json"); r.status != 202 {
			t.Fatalf("another project: %d %s", r.status, r.body)
		}
		select {
		case answer = <-refused:
			if n == 0 {
				t.Error("another project waited for the whole list")
			}
		default:
		}
	}
	if answer.status != http.StatusRequestEntityTooLarge || !strings.Contains(answer.body, "that of hook h") ||
		len(y.events()) != 0 {
		t.Errorf("the list: %d %.300s; %d events", answer.status, answer.body, len(y.events()))
	}

	hurried, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if r, err := askContext(hurried, http.MethodPost, at(y), list, "Content-Type", "application/json"); err == nil {
		t.Errorf("a request that its sender gave up: %d %s", r.status, r.body)
	}
	began := time.Now()
	if r := ask(t, http.MethodPost, at(y), []byte(one), "Content-Type", "application/json"); r.status != 202 {
		t.Errorf("one event: %d %s", r.status, r.body)
	}
	if took := time.Since(began); took > hookyard.FilterTime/2 {
		t.Errorf("one event took %s: the filters went on after their request", took)
	}
	if n := len(y.events()); n != 1 {
		t.Errorf("%d events, want one", n)
	}
}
