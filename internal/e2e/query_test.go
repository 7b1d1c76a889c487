package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/client"
)

// TestQueryWhole sends long queries in by every door: they are kept to the last byte, or refused with the limit.
func TestQueryWhole(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "query")
	rc := newReceiver(t, nil)
	y.hook("h", rc.url, client.HookPatch{})
	bin, err := y.c.CreateBin(t.Context(), client.BinSettings{})
	if err != nil {
		t.Fatal(err)
	}
	doors := y.doors()
	doors["bin"] = bin.URL
	body := []byte(`{"repository":{"full_name":"` + y.project + `"}}`)
	delivered := 0
	for door, at := range doors {
		sent := body
		if door == "publish" {
			sent = []byte(`{"type":"a","data":{}}`)
		}
		for _, size := range []int{5000, 60_000, 70_000, 120_000} {
			query := "a=%2F&b=" + strings.Repeat("x", size) + "&last=end"
			r := ask(t, http.MethodPost, at+"?"+query, sent)
			if size > 64<<10 {
				if r.status != http.StatusRequestEntityTooLarge || !strings.Contains(r.body, "--max-request-header") {
					t.Errorf("%s, %d bytes: %d %.200s", door, size, r.status, r.body)
				}
				continue
			}
			if r.status/100 != 2 {
				t.Fatalf("%s, %d bytes: %d %.200s", door, size, r.status, r.body)
			}
			switch door {
			case "bin":
				kept, err := y.c.BinRequests(t.Context(), bin.Name, bin.Key)
				if err != nil || kept[0].QueryString["last"] != "end" || len(kept[0].QueryString["b"]) != size {
					t.Errorf("bin, %d bytes: %v", size, err)
				}
			case "publish":
				delivered++ // its query is no part of the event
			default:
				if e := y.events()[0]; e.Target != "?"+query {
					t.Errorf("%s, %d bytes: %d are kept", door, size, len(e.Target))
				}
				delivered++
				if got := rc.wait(t, delivered)[delivered-1]; got.query != query {
					t.Errorf("%s, %d bytes: %d arrive", door, size, len(got.query))
				}
			}
		}
	}
	r := ask(t, http.MethodPost, doors["source"], body, "X-Large", strings.Repeat("x", 80_000))
	if r.status != http.StatusRequestHeaderFieldsTooLarge || !strings.Contains(r.body, "--max-request-header") {
		t.Errorf("a large header: %d %.200s", r.status, r.body)
	}
}
