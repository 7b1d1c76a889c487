package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestMalformedEvents: a malformed event is rejected with an explanation, and nothing is stored.
func TestMalformedEvents(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "malformed")
	base := y.s.url + "/api/projects/" + y.project + "/events"
	for _, body := range []string{
		"", " ", "null", "true", "1", `"a"`, "[]", "[1]", "[[]]", "{}", "{", "}", "]", "[", `{"type"}`, `{"type":}`,
		`{"type":"a"}`, `{"data":1}`,
		`{"type":"a","data":}`, `{"type":"a","data":1,}`, `{"type":"a","data":1}}`, `{"type":"a","data":1}{}`,
		`{"type":"a" "data":1}`,
		`{'type':'a','data':1}`, `{"type":"a","data":01}`, `{"type":"a","data":+1}`, `{"type":"a","data":1.}`,
		`{"type":"a","data":.5}`, `{"type":"a","data":1e}`,
		`{"type":"a","data":NaN}`, `{"type":"a","data":Infinity}`, `{"type":"a","data":tru}`,
		`{"type":"a","data":truee}`, `{"type":"a","data":"\x"}`,
		`{"type":"a","data":"\u12"}`, "{\"type\":\"a\",\"data\":\"\n\"}", "{\"type\":\"a\",\"data\":\"\xff\"}",
		"{\"type\":\"a\",\"data\":\"\xed\xa0\x80\"}",
		"{\"type\":\"a\",\"data\":1}\x00", `{"type":"a","data":[1,]}`,
		`{"type":"a","data":{"a":1,}}`, `{"type":"a","data":{1:1}}`,
		`{"type":1,"data":1}`, `{"type":null,"data":1}`, `{"type":[],"data":1}`, `{"type":"","data":1}`,
		`{"type":"a b","data":1}`, `{"type":"a\u0000","data":1}`, `{"type":"a\n","data":1}`,
		`{"type":"hookyard.x","data":1}`, `{"type":"a","data":1,"type":"b"}`, `{"type":"a","data":1,"data":2}`,
		`{"type":"a","data":1,"id":1}`, `{"type":"a","data":1,"id":"\u0000"}`,
		`{"type":"a","data":1,"timestamp":"yesterday"}`, `{"type":"a","data":1,"timestamp":1}`,
		`{"type":"a","data":1,"timestamp":"99999-01-01T00:00:00Z"}`,
		`{"type":"a","data":1,"extra":1}`, `{"type":"a","data":1,"__proto__":{}}`,
		`{"type":"a","data":1,"constructor":1}`, `{"type":"a","data":1,"":1}`,
		`{"type":"a","data":1,"\u0000":1}`, `{"Type":"a","data":1}`, `[{"type":"a","data":1},{"type":"a"}]`,
		`[{"type":"a","data":1},]`, `[{"type":"a","data":1}`, `[,]`,
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
		`{"type":"a","data":"` + strings.Repeat(`\`, 99_999),
	} {
		r := ask(t, http.MethodPost, base, []byte(body), "Content-Type", "application/json")
		if r.status != http.StatusBadRequest || gjson.Get(r.body, "error").String() == "" ||
			gjson.Get(r.body, "code").String() != "invalid" {
			t.Errorf("%.80q: %d %.200s", body, r.status, r.body)
		}
	}
	if n := len(y.events()); n != 0 {
		t.Errorf("%d events were kept", n)
	}
}

// TestByteOrderMark sends JSON as PowerShell writes it to files: with a mark, in UTF-8 and UTF-16.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "marks")
	api := y.s.url + "/api/projects/" + y.project
	utf16 := func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	utf8 := func(s string) string { return "\xef\xbb\xbf" + s }
	for name, encode := range map[string]func(string) string{"8": utf8, "16": utf16} {
		for _, c := range []struct{ method, path, body, contentType string }{
			{"POST", "/events", `{"type":"a","data":{"n":1}}`, "application/json"},
			{"POST", "/events", `[{"type":"a","data":{"n":1}}]`, "application/json"},
			{"POST", "/events", `{"specversion":"1.0","id":"` + name + `","source":"/s","type":"a","data":{"n":1}}`,
				"application/cloudevents+json"},
			{"PUT", "/hooks/h" + name, `{"url":"http://127.0.0.1:9/","events":"all"}`, "application/json"},
		} {
			r := ask(t, c.method, api+c.path, []byte(encode(c.body)), "Content-Type", c.contentType)
			if r.status/100 != 2 {
				t.Errorf("UTF-%s, %s: %d %s", name, c.body, r.status, r.body)
			}
		}
	}
	for _, e := range y.events() {
		if e, err := y.c.Event(t.Context(), y.project, e.ID); err != nil ||
			gjson.GetBytes(e.Body, "data").Raw != `{"n":1}` {
			t.Errorf("%s, %v", e.Body, err)
		}
	}
}

// TestOddData: any JSON is valid data, and arrives unchanged.
func TestOddData(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "odd")
	rc := newReceiver(t, nil)
	y.hook("raw", rc.url, client.HookPatch{})
	picky := newReceiver(t, nil)
	y.hook("filter", picky.url, client.HookPatch{Filter: ptr(`has(body.data.wanted)`)})
	for i, data := range []string{
		`{"__proto__":{"admin":true},"constructor":{"prototype":1},"":0,"\u0000":"\u0000"}`,
		`{"a.b":1,"a":{"b":2},"$where":1}`,
		`{"n":[12345678901234567890123456789.12345678901234567890,1e400,-1e-400,1E+2,-0,0.10]}`,
		`{"n":[9007199254740993,18446744073709551616]}`,
		`{"a":1,"a":2,"a":{"a":3}}`, `"\ud800"`, `"\udc00\ud800"`, `"<script>alert(1)</script>&\u2028"`,
		"\"ünï \U0001F600\"", `null`, `false`, `0`, `""`, `[]`, `[[],{}]`,
		" { \"a\" :\t1 ,\r\n\"b\":[ ] } ", `"` + strings.Repeat("x", 1<<20) + `"`,
		`{"k` + strings.Repeat("y", 1<<16) + `":1}`, `[` + strings.Repeat("1,", 100_000) + `1]`,
	} {
		r := ask(t, http.MethodPost, y.s.url+"/api/projects/"+y.project+"/events",
			[]byte(`{"type":"odd","data":`+data+`}`))
		if r.status != http.StatusAccepted {
			t.Fatalf("%.80q: %d %s", data, r.status, r.body)
		}
		got := rc.wait(t, i+1)[i]
		if sent := gjson.GetBytes(got.body, "data").Raw; sent != strings.Trim(data, " ") {
			t.Errorf("%.80q arrived as %.80q", data, sent)
		}
	}
	if n := picky.count(); n != 0 {
		t.Errorf("%d events passed the filter", n)
	}
	y.readable()
}

// readable checks that all events and deliveries of the project can be read.
func (y *yard) readable() {
	y.t.Helper()
	for _, e := range y.events() {
		base := y.s.url + "/api/projects/" + y.project + "/events/" + e.ID
		for _, path := range []string{"", "/body", "/explain"} {
			r := ask(y.t, http.MethodGet, base+path, nil)
			if r.status != http.StatusOK || path != "/body" && !json.Valid([]byte(r.body)) {
				y.t.Errorf("GET %s%s: %d %.200s", e.ID, path, r.status, r.body)
			}
		}
	}
	y.deliveries()
}

// TestOddSettings sends invalid settings to every route that changes something: always a 4xx.
func TestOddSettings(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "settings")
	base := y.s.url + "/api/projects/" + y.project
	y.hook("h", "http://127.0.0.1:9/", client.HookPatch{Active: ptr(false)})
	y.source("s", "github", "x", client.SourcePatch{})
	id := y.publish("a", "1")
	wrong := map[string][]string{
		"url": {`1`, `{}`, `[]`, `""`, `"x"`, `"ftp://x"`, `"http://"`, `"http://a b"`, `"http://\u0000"`,
			`"http://[::1"`, `"http://x:99999/"`, `"http://x\r\ny"`, `"javascript:alert(1)"`, `"file:///etc/passwd"`},
		"events":      {`1`, `"some"`, `{}`, `[1]`, `[""]`, `["a b"]`, `["\u0000"]`, `[null]`, `[[]]`},
		"active":      {`"yes"`, `1`, `[]`},
		"schedule":    {`"5s"`, `[]`, `["x"]`, `["-1s"]`, `[1e300]`, `["10000h"]`, `[null,[]]`, `{}`},
		"timeout":     {`"x"`, `-1`, `1e300`, `{}`, `"10h"`},
		"inFlight":    {`-1`, `1e9`, `"8"`, `1.5`, `99999999999999999999`},
		"rate":        {`-1`, `"1"`, `1e400`, `1e9`},
		"filter":      {`1`, `"("`, `"nope("`, `"body."`, `"1 + 1"`, `"undefined_variable"`, `"\u0000"`},
		"format":      {`1`, `"nope"`, `"../etc"`},
		"contentType": {`"xml"`, `1`},
		"off":         {`"never"`, `{"policy":"nope"}`, `{"policy":"failures","after":-1}`, `{"x":1}`, `[]`},
		"headers":     {`[]`, `{"a":1}`, `"x"`, `{"a b":"c"}`, `{"a":"b\r\nc: d"}`},
		"secret":      {`1`, `"whsec_***"`, `"a\nb"`, `"\u0000"`, `{}`},
		"ordered":     {`"yes"`, `1`},
		"rabbitmq":    {`{"exchange":"x"}`, `1`},
		"template":    {`1`},
		"expiresAt":   {`"never"`, `1`},
		"revision":    {`"x"`, `99`},
		"nope":        {`1`},
		"__proto__":   {`{}`},
	}
	for field, values := range wrong {
		for _, value := range values {
			for method, path := range map[string]string{http.MethodPatch: "/hooks/h", http.MethodPut: "/hooks/new"} {
				body := `{"` + field + `":` + value + `}`
				if method == http.MethodPut && field != "url" {
					body = `{"url":"http://127.0.0.1:9/","` + field + `":` + value + `}`
				}
				if field == "revision" && method == http.MethodPut {
					continue // ignored for a new hook
				}
				r := ask(t, method, base+path, []byte(body))
				if r.status/100 != 4 || gjson.Get(r.body, "error").String() == "" {
					t.Errorf("%s %s: %d %.200s", method, body, r.status, r.body)
				}
			}
		}
	}
	for path, bodies := range map[string][]string{
		"PUT /sources/n": {`{"type":"nope"}`, `{"type":1}`, `{"type":"github"}`,
			`{"type":"hmac","secret":"x","scheme":{"algorithm":"md5"}}`, `{"type":"hmac","secret":"x","scheme":[]}`,
			`{"type":"none","answer":{"status":99}}`, `{"type":"none","answer":{"headers":{"a":"b\r\nc"}}}`,
			`{"type":"none","dedupHeader":"a b"}`, `{"type":"none","ack":"before"}`, `{}`, `[]`, `x`},
		"PUT /sources/a%20b": {`{"type":"none"}`},
		"PUT /sources/api":   {`{"type":"none"}`},
		"POST /events/" + id + "/replay": {`{"hook":"nope"}`, `{"hooks":"h"}`, `{"hooks":[1]}`, `{"hook":"h"}`, `[]`,
			`{"x":1}`},
		"POST /replays": {`{"state":"nope"}`, `{"hook":"nope"}`, `{"since":"x"}`,
			`{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, `{"state":"pending"}`,
			`{"type":"\u0000"}`, `[]`},
		"POST /hooks/h/rotate-secret": {`{"overlap":"x"}`, `{"overlap":"-1s"}`, `{"secret":1}`,
			`{"secret":"whsec_***"}`, `[]`},
		"POST /hooks/nope/test": {``}, "POST /hooks/nope/enable": {``}, "POST /deliveries/nope/retry": {``},
		"POST /deliveries/nope/cancel": {``},
		"PATCH ": {`{"format":"nope"}`, `{"preset":"nope"}`, `{"eventTypes":1}`, `{"eventTypes":[""]}`,
			`{"relay":"nope"}`, `{"retention":"-1s"}`, `[]`, `x`},
		"PUT /members/guest":  {`{"role":"king"}`, `{}`, `[]`},
		"POST /transfer":      {`{"owner":"a b"}`, `{"owner":1}`, `[]`, `{}`},
		"POST /duplicate":     {`{"name":"a/b"}`, `{"name":1}`, `{}`, `[]`},
		"GET /events?limit=x": {``}, "GET /events?cursor=x": {``}, "GET /events?since=x": {``},
		"GET /events?state=x": {``}, "GET /events?nope=1": {``}, "GET /events?path=%23": {``},
		"GET /events?text=%00": {``}, "GET /events?text=%ff": {``}, "GET /events?hook=nope": {``},
		"GET /events?%zz": {``}, "GET /deliveries?cursor=AAAA": {``}, "GET /deliveries?event=nope": {``},
		"GET /events/%00": {``}, "GET /events/%ff": {``}, "GET /hooks/%2e%2e": {``}, "GET /nope": {``},
		"DELETE /events": {``}, "DELETE /events/nope": {``}, "GET /events/" + id + "%27": {``},
	} {
		method, rest, _ := strings.Cut(path, " ")
		for _, body := range bodies {
			r := ask(t, method, base+rest, []byte(body))
			if r.status/100 != 4 || gjson.Get(r.body, "error").String() == "" {
				t.Errorf("%s %s: %d %.200s", path, body, r.status, r.body)
			}
		}
	}
	hooks, err := y.c.Hooks(t.Context(), y.project)
	if err != nil || len(hooks) != 1 || hooks["h"].URL != "http://127.0.0.1:9/" {
		t.Errorf("hooks %v, %v", hooks, err)
	}
}

// TestOddPaths: no route panics or answers 5xx for any path.
func TestOddPaths(t *testing.T) {
	t.Parallel()
	s := dev(t)
	var spec struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(ask(t, http.MethodGet, s.url+"/api/openapi.json", nil).body), &spec); err != nil ||
		len(spec.Paths) < 20 {
		t.Fatalf("%d paths in the description, %v", len(spec.Paths), err)
	}
	odd := []string{"x", "%00", "%ff", "a%2fb", "%2e%2e", "..", "'%22%3b--", "%F0%9F%98%80", strings.Repeat("a", 5000),
		"+", "evt_", "guest", "%0d%0aX:%201"}
	for path, methods := range spec.Paths {
		for method := range methods {
			method = strings.ToUpper(method)
			if !slices.Contains([]string{"GET", "PUT", "PATCH", "POST", "DELETE"}, method) ||
				strings.HasSuffix(path, "/stream") || strings.HasSuffix(path, "/poll") {
				continue
			}
			for _, o := range odd {
				target := s.url + fill(path, o)
				if !strings.HasPrefix(path, "/api") {
					target = s.url + "/api" + fill(path, o)
				}
				if _, err := url.Parse(target); err != nil {
					t.Fatal(err)
				}
				for _, body := range []string{"", "{}", "[]",
					`{"type":"none","url":"http://x.invalid/","active":false,"data":1}`, "\x00\xff"} {
					if r := ask(t, method, target, []byte(body)); r.status >= 500 {
						t.Errorf("%s %.100s %q: %d %.200s", method, target, body, r.status, r.body)
					}
				}
			}
		}
	}
}

// fill replaces every {parameter} by value.
func fill(path, value string) string {
	for {
		before, rest, ok := strings.Cut(path, "{")
		if !ok {
			return path
		}
		_, after, _ := strings.Cut(rest, "}")
		path = before + value + after
	}
}

// TestHeadersTwice: a header that may occur only once is rejected if it occurs twice.
func TestHeadersTwice(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "twice")
	base := y.s.url + "/api/projects/" + y.project + "/events"
	body := []byte(`{"type":"a","data":1}`)
	for _, header := range [][]string{
		{"Idempotency-Key", "a", "Idempotency-Key", "b"}, {"Idempotency-Key", ""},
		{"Idempotency-Key", strings.Repeat("k", 256)}, {"Idempotency-Key", "\xff"},
	} {
		if r := ask(t, http.MethodPost, base, body, header...); r.status != http.StatusBadRequest ||
			!strings.Contains(r.body, "Idempotency-Key") {
			t.Errorf("%.60q: %d %s", header, r.status, r.body)
		}
	}
	in := y.source("in", "none", "", client.SourcePatch{DedupHeader: ptr("X-Id"), TypeHeader: ptr("X-Type")})
	r := ask(t, http.MethodPost, in, body, "X-Id", strings.Repeat("i", 5000), "X-Type", strings.Repeat("\xfft", 3000),
		"X-Same", "1", "X-Same", "2", "Content-Type", "a\x80b")
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	e, err := y.c.Event(t.Context(), y.project, r.id(t))
	if err != nil || !slices.Equal(e.Header["X-Same"], []string{"1", "2"}) ||
		len(e.Type) > hookyard.DefaultLimits().EventType {
		t.Errorf("%+v, %v", e, err)
	}
	y.readable()
}
