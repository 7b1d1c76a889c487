package api_test

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/testenv"
)

// operations are requests, in this order, as "USER METHOD PATH STATUS BODY": each operation at least once, and each
// success that it describes. {evt}, {dlv}, {rpl}, {tok}, {bin}, {key} and {req} are ids of earlier answers, and {sig}
// is that of an event that came to the source s.
const operations = `
nobody GET /api 200
nobody GET /api/ 200
nobody GET /api/openapi.json 200
nobody GET /api/openapi.yaml 200
nobody GET /api/source-types 200
alice GET /api/user 200
alice GET /api/user/token 200
alice POST /api/tokens 201 {"name":"ci","scope":"publish","expiresIn":"1d"}
alice GET /api/tokens 200
alice DELETE /api/tokens/{tok} 204
root GET /api/tokens?all=true 200
root GET /api/users 200
root POST /api/users 201 {"name":"eve","password":"correct horse battery"}
root POST /api/users 201 {"name":"ivy"}
root POST /api/users/ivy/invite 200
root DELETE /api/users/ivy 204
root DELETE /api/users/eve/second-factor 204
root PATCH /api/users/eve 200 {"disabled":true}
root DELETE /api/users/eve 204
root GET /api/audit?limit=1&all=true&actor=root&action=user.*&since=1h&until=0s 200
root GET /api/audit/export?all=true&after=1 200
root GET /api/nodes 200
root GET /api/secret-key 200
root POST /api/secret-key/rotate 202
alice PUT /api/projects/alice/p 201 {"description":"a shop","retention":"30d"}
alice PUT /api/projects/alice/p 200 {"eventTypes":"github","preset":null}
alice PUT /api/projects/alice/p 200 {"eventTypes":[]}
alice PATCH /api/projects/alice/p?revision=3 200 {"public":true}
alice GET /api/projects/alice/p 200
alice GET /api/projects?limit=1 200
root PATCH /api/projects/alice/p/limits 200 {"hooks":100}
alice GET /api/projects/alice/p/limits 200
root PATCH /api/owners/alice/limits 200 {"hooks":1000,"burst":null}
alice GET /api/owners/alice/limits 200
root GET /api/limits 200
alice GET /api/owners/alice/catalogue 200
alice PATCH /api/owners/alice/catalogue 200 {"mode":"warn","public":true}
alice PUT /api/owners/alice/event-types/order.created 201 {"description":"An order","schema":{"type":"object"}}
alice PUT /api/owners/alice/event-types/order.created 200 {"schema":null,"schemas":{"1":{}},"example":{"total":1}}
alice PATCH /api/owners/alice/event-types/order.created?revision=2 200 {"deprecated":true,"featureFlags":["beta"]}
alice POST /api/owners/alice/catalogue/import?dryRun=true&replace=true 200 {"openapi":"3.1","webhooks":{"a":{"put":{}}}}
alice GET /api/owners/alice/catalogue/export 200
alice GET /api/owners/alice/event-types/order.created 200
alice GET /api/owners/alice/event-types?archived=true&limit=1 200
alice GET /api/projects/alice/p/event-types 200
alice GET /api/projects/alice/p/event-types/order.created 200
alice GET /api/projects/alice/p/event-types/order.created/example 200
alice DELETE /api/owners/alice/event-types/order.created 204
alice PUT /api/projects/alice/p/members/bob 200 {"role":"read"}
alice GET /api/projects/alice/p/members 200
alice DELETE /api/projects/alice/p/members/bob 204
alice POST /api/tokens 201 {"name":"bound","project":"alice/p"}
alice GET /api/projects/alice/p/tokens 200
alice DELETE /api/projects/alice/p/tokens/{tok} 204
alice PUT /api/owners/alice/look 200 {"name":"Alice","accent":"#ffcc00","frames":["https://app.alice.example"]}
alice GET /api/owners/alice/look 200
alice POST /api/projects/alice/p/portal-links 201 {"ttl":"10m","readOnly":true,"hide":["verify"]}
alice DELETE /api/projects/alice/p/portal-links 200
alice GET /api/projects/alice/p/features/git 200
alice PATCH /api/projects/alice/p 200 {"searchFields":["data.total","data.order.id"]}
alice GET /api/projects/alice/p/search-fields 200
alice PUT /api/projects/alice/p/hooks/h 200 {"url":"http://127.0.0.1:1/","events":"all","schedule":["0s","1h"]}
alice PATCH /api/projects/alice/p/hooks/h 200 {"headers":{"X-A":"b","X-C":null},"filter":null,"off":{"policy":"never"}}
alice GET /api/projects/alice/p/hooks/h 200
alice GET /api/projects/alice/p/hooks 200
alice GET /api/projects/alice/p/default-hooks 200
alice POST /api/projects/alice/p/default-hooks 200
alice POST /api/projects/alice/p/hooks/h/rotate-secret 200 {"overlap":"1h"}
alice POST /api/projects/alice/p/hooks/h/enable 200
alice POST /api/projects/alice/p/hooks/h/test 202
alice PUT /api/projects/alice/p/sources/s 201 {"type":"github","secret":"not a guess"}
alice PUT /api/projects/alice/p/sources/s 200 {"type":"hmac","secret":"not a guess","scheme":{"header":"X-Sig"}}
alice PATCH /api/projects/alice/p/sources/s 200 {"answer":{"status":204}}
alice GET /api/projects/alice/p/sources/s 200
alice GET /api/projects/alice/p/sources 200
alice POST /api/projects/alice/p/sources/s/rotate-secret 200
alice GET /api/projects/alice/p/sources/s/refused?limit=5 200
alice POST /api/projects/alice/p/sources/s/refused/recheck 200 {"all":true}
alice POST /api/projects/alice/p/events 202 [{"type":"a","data":1},{"type":"b","data":{}}]
alice POST /api/projects/alice/p/events 202 {"type":"order.created","data":{"total":1.50},"id":"mine"}
alice POST /api/projects/alice/p/events 202 {"type":"order.created","data":{"total":1.50},"id":"mine"}
alice GET /api/projects/alice/p/events?type=order.*&since=1h&path=data.total&value=1.50&state=pending 200
alice GET /api/projects/alice/p/events?field.data.total=1.5&field.type=order.created&limit=1 200
alice GET /api/projects/alice/p/events?value=1.5 200
alice GET /api/projects/alice/p/events?find=1.5&in=fields 200
alice GET /api/events?find=order&since=1h&limit=1 200
alice GET /api/projects/alice/p/events/{evt} 200
alice GET /api/projects/alice/p/events/{evt}/body 200
alice GET /api/projects/alice/p/events/{evt}/explain 200
alice POST /api/projects/alice/p/events/{evt}/replay 202 {"hooks":["h"]}
alice POST /api/projects/alice/p/events/{evt}/replay 200 {"missed":true,"dryRun":true}
alice POST /api/projects/alice/p/events/{evt}/sign 400
alice POST /api/projects/alice/p/events/{sig}/sign 200 {"url":"http://localhost:3000/"}
alice GET /api/projects/alice/p/deliveries?hook=h&limit=1 200
alice POST /api/projects/alice/p/deliveries/{dlv}/cancel 200
alice POST /api/projects/alice/p/deliveries/{dlv}/retry 202
alice GET /api/projects/alice/p/deliveries/{dlv} 200
alice GET /api/projects/alice/p/stats?since=1h&step=minute 200
alice GET /api/projects/alice/p/hooks/h/stats 200
alice PUT /api/projects/alice/p/listeners/listen-a 200 {"url":"http://localhost:3000/"}
alice POST /api/projects/alice/p/listeners/listen-a/attempts 201 {"eventId":"{evt}",` +
	`"startedAt":"2026-01-02T03:04:05Z","duration":"5ms",` +
	`"request":{"header":{"A":["b"]}},"status":200,"response":{"base64":"aGk="}}
alice DELETE /api/projects/alice/p/listeners/listen-a 204
alice POST /api/projects/alice/p/replays 200 {"hook":"h","since":"1d","dryRun":true}
alice POST /api/projects/alice/p/replays 202 {"hook":"h","since":"1d"}
alice GET /api/projects/alice/p/replays/{rpl} 200
alice GET /api/projects/alice/p/replays?limit=1 200
alice GET /api/projects/alice/p/poll?since=all&wait=0s&limit=2 200
alice POST /api/bins 200 {"private":true}
alice PUT /api/bins/{bin}/answer?key={key} 200 {"status":201,"body":"hi","delay":"0s"}
alice GET /api/bins/{bin}?key={key} 200
alice GET /api/bins/{bin}/requests?key={key} 200
alice GET /api/bins/{bin}/requests/{req}?key={key} 200
alice GET /api/bins/{bin}/requests/{req}/curl?key={key} 200
alice POST /api/bins/{bin}/requests/{req}/replay?key={key} 200 {"url":"http://127.0.0.1:1/"}
alice POST /api/bins/{bin}/source?key={key} 201 {"project":"alice/p","name":"from-bin","type":"none"}
alice DELETE /api/bins/{bin}?key={key} 204
alice GET /api/projects/alice/p/audit?limit=2 200
alice GET /api/projects/alice/p/audit/export?action=hook.*&since=1h 200
alice DELETE /api/projects/alice/p/events/{evt} 200
alice DELETE /api/projects/alice/p/events?type=order.*&dryRun=true 200
alice DELETE /api/projects/alice/p/events?all=true&limit=2 200
alice POST /api/projects/alice/p/duplicate 201 {"name":"q"}
alice DELETE /api/projects/alice/p/sources/s 204
alice DELETE /api/projects/alice/p/hooks/h 200
root POST /api/projects/alice/q/transfer 200 {"owner":"bob"}
root DELETE /api/projects/bob/q 204`

// TestOperations drives every operation through a validating proxy, which compares what is sent and answered with the
// description: parameters, statuses, media types and bodies.
func TestOperations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := withStream(t, db)
		_, root := b.user("root2", true)
		tokens := map[string]string{"alice": b.token, "bob": b.bobs, "root": root, "nobody": ""}
		ids := map[string]string{}
		for line := range strings.SplitSeq(strings.TrimSpace(operations), "\n") {
			if strings.Contains(line, "{sig}") {
				ids["sig"] = b.came(hookyard.NewEvent("s", "t", []byte("{}"), time.Now()), "X-Sig", "old")
			}
			parts := strings.SplitN(fill(line, ids), " ", 5)
			parts = append(parts, "")
			if strings.Contains(parts[2], "/requests") && ids["req"] == "" {
				b.bins.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/"+ids["bin"],
					strings.NewReader("hello")))
			}
			var status int
			var answer string
			testenv.Until(t, "no attempt is in the way", func() bool {
				status, _, answer = b.do(tokens[parts[0]], parts[1], parts[2], parts[4], "Content-Type",
					"application/json")
				return status != http.StatusConflict || !strings.Contains(answer, "look again in a moment")
			})
			if parts[3] != strconv.Itoa(status) {
				t.Errorf("%s: %d %s", line, status, answer)
			}
			remember(ids, parts[2], answer)
		}
		for _, ce := range [][3]string{
			{"application/cloudevents+json", `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{}}`},
			{"application/cloudevents-batch+json", `[{"specversion":"1.0","id":"2","source":"/s","type":"t"}]`},
			{"text/plain", "hello", "1.0"},
		} {
			status, _, answer := b.do(b.token, http.MethodPost, "/api/projects/alice/p/events", ce[1], "Content-Type",
				ce[0], "Ce-Specversion", ce[2], "Ce-Id", "3", "Ce-Source", "/s", "Ce-Type", "t")
			if status != http.StatusAccepted {
				t.Errorf("CloudEvent as %s: %d %s", ce[0], status, answer)
			}
		}
		checkAudited(t, db)
		b.listen("/api/projects/alice/p/stream?since=all&format=sse")
		b.listen("/api/projects/alice/p/stream?since=all&format=ndjson")
		eachOperation(t, b, func(method, path string, op *openapi3.Operation) {
			if strings.HasSuffix(path, "/replays/{id}/cancel") {
				return // a job this small is done before it can be canceled: that is a 409
			}
			until(t, method+" "+path+" succeeds", func() bool { return b.proxy.drove(method + " " + path) })
		})
	})
}

// TestRefusals drives every operation with requests that are refused.
func TestRefusals(t *testing.T) {
	t.Parallel()
	b := withStream(t, storetest.Open(t, storetest.SQLite(t)))
	_, root := b.user("root2", true)
	b.project("p", client.ProjectPatch{})
	eachOperation(t, b, func(method, path string, op *openapi3.Operation) {
		path = "/api" + strings.TrimSuffix(path, "/")
		path = strings.NewReplacer("{owner}", "alice", "{project}", "p").Replace(path)
		path = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "none")
		for _, token := range []string{"", "hky_wrong", b.bobs, b.token, root} {
			for _, query := range []string{"", "?nonsense=1", "?limit=0", "?revision=x", "?cursor=x"} {
				if strings.HasSuffix(path, "/stream") || strings.HasSuffix(path, "/poll") {
					continue // a listener would stay
				}
				status, _, answer := b.do(token, method, path+query, "[]", "Content-Type", "application/json")
				if status >= http.StatusInternalServerError {
					t.Errorf("%s %s: %d %s", method, path+query, status, answer)
				}
				if token == "" && op.Security == nil && status/100 == 2 {
					t.Errorf("%s %s wants credentials, but answers %d without", method, path, status)
				}
			}
		}
	})
}

// TestDescriptions checks that every operation is explained, and that the document is a valid one.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	b := withStream(t, storetest.Open(t, storetest.SQLite(t)))
	doc := document(t, b)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	eachOperation(t, b, func(method, path string, op *openapi3.Operation) {
		if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || doc.Tags.Get(op.Tags[0]) == nil {
			t.Errorf("%s %s is not explained: %+v", method, path, op)
		}
		for _, p := range op.Parameters {
			if p.Value.In == "query" && p.Value.Description == "" {
				t.Errorf("%s %s: parameter %s is not explained", method, path, p.Value.Name)
			}
		}
	})
	publish := doc.Paths.Find("/projects/{owner}/{project}/events").Post
	if publish.Security != nil || !strings.Contains(publish.Description, "token") {
		t.Errorf("publishing does not say that it wants a token: %q", publish.Description)
	}
}

func document(t *testing.T, b *bundle) *openapi3.T {
	t.Helper()
	_, _, spec := b.do("", http.MethodGet, "/api/openapi.json", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func eachOperation(t *testing.T, b *bundle, f func(method, path string, op *openapi3.Operation)) {
	t.Helper()
	for path, item := range document(t, b).Paths.Map() {
		for method, op := range item.Operations() {
			f(method, path, op)
		}
	}
}

// withStream is a bundle whose server has listeners, too.
func withStream(t *testing.T, db *store.DB) *bundle {
	t.Helper()
	hub := stream.NewHub(stream.HubOptions{Store: db, Filter: filter.NewCache(10, budget.NewDecoding(1<<20)).Match})
	db.OnCommit(hub.Notify)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = hub.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	var a *api.API
	listeners := stream.New(stream.Options{
		Hub: hub, Gate: stream.NewGate(0, 0, nil), Log: slog.New(slog.DiscardHandler),
		Authorize: func(r *http.Request, owner, project string) (*hookyard.Snapshot, time.Time, error) {
			return a.Authorize(r, owner, project)
		},
		CheckFilter: func(text string) error { _, err := filter.Compile(text); return err },
	})
	b := serve(t, db, func(o *options) { o.Stream, o.Poll = listeners.Stream, listeners.Poll })
	a = b.api
	return b
}

// listen reads the first line of a stream.
func (b *bundle) listen(path string) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || resp.StatusCode != http.StatusOK {
		b.t.Errorf("%s: %s %q, %v", path, resp.Status, line, err)
	}
}

// came stores an event as a source of alice/p does, and returns its id.
func (b *bundle) came(e *hookyard.Event, header, value string) string {
	snapshot, err := b.db.Snapshot(b.t.Context(), "alice", "p")
	if err != nil {
		b.t.Fatal(err)
	}
	e.ProjectKey, e.Method = snapshot.Project.Key, http.MethodPost
	e.Header = http.Header{header: {value}}
	if _, err := b.db.Accept(b.t.Context(), &hookyard.RoutedEvent{Event: e}); err != nil {
		b.t.Fatal(err)
	}
	return e.ID
}

// remember keeps the ids of an answer for later requests.
func remember(ids map[string]string, path, answer string) {
	for _, kind := range []string{"evt", "dlv", "rpl", "tok"} {
		if id := regexp.MustCompile(`"(` + kind + `_[0-9a-z_]+)"`).FindStringSubmatch(answer); id != nil {
			ids[kind] = id[1]
		}
	}
	for name, pattern := range map[string]string{"bin": `"name":"([^"]+)"`, "key": `"key":"([^"]+)"`} {
		if id := regexp.MustCompile(pattern).FindStringSubmatch(answer); path == "/api/bins" && id != nil {
			ids[name] = id[1]
		}
	}
	if id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(answer); strings.Contains(path, "/requests?") &&
		id != nil {
		ids["req"] = id[1]
	}
}
