package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// FuzzPublication holds our reader of publications against encoding/json: what it accepts is JSON and means the same,
// and what is a plain publication is accepted.
func FuzzPublication(f *testing.F) {
	for _, seed := range []string{
		`{"type":"a","data":{}}`,
		` { "id" : "x" , "type":"aé\n","timestamp":"2026-01-02T03:04:05Z","data":[1,{"a":"}"}]} `,
		`{"type":"a","data":1}x`, `{"type":"a" "data":1}`, `{"type":"a","data":}`, `{"type":"a","data":"\ud800"}`, `{}`,
		`{"data":[}]}`,
		`[{"type":"a","data":1}]`, `{"type":null,"data":null}`, `{"a\u0062":1}`, `{"type":"a","data":tru}`,
		`{"type":"a","data":1,}`, `{"type":"a\`,
	} {
		f.Add([]byte(seed))
	}
	a := &API{o: Options{Limits: hookyard.DefaultLimits()}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := a.ownEvent(&hookyard.Project{}, bytes.Clone(body), at)
		var want struct {
			ID, Type, Timestamp *string
			Data                json.RawMessage
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		theirs := d.Decode(&want)
		if err == nil {
			if !json.Valid(body) || !utf8.Valid(body) || theirs != nil {
				t.Fatalf("accepted what is not JSON, or not a publication: %q (%v)", body, theirs)
			}
			if e.Type != *want.Type || !bytes.Equal(e.Data(), want.Data) || !json.Valid(e.Body) {
				t.Fatalf("%q: type %q data %q, want %q and %q", body, e.Type, e.Data(), *want.Type, want.Data)
			}
			return
		}
		if hookyard.CodeOf(err) == "" || describe(err).Status >= 500 {
			t.Fatalf("%q: %v is not an error to show", body, err)
		}
		plain := theirs == nil && json.Valid(body) && utf8.Valid(body) && want.ID == nil && want.Timestamp == nil &&
			want.Type != nil &&
			want.Data != nil && hookyard.CheckType(*want.Type, a.o.Limits) == nil
		if plain && strings.Count(string(body), `"`) == strings.Count(string(want.Data), `"`)+6 &&
			strings.Contains(string(body), `"type"`) && strings.Contains(string(body), `"data"`) &&
			!strings.Contains(err.Error(), "nested") {
			t.Fatalf("%q was refused: %v", body, err)
		}
	})
}

// FuzzPublishBody sends anything as any kind of publication: it is events or an error to show.
func FuzzPublishBody(f *testing.F) {
	f.Add([]byte(`[{"type":"a","data":1},{"type":"b","data":{}}]`), "application/json", "", "k")
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1}}`),
		"application/cloudevents+json", "", "")
	f.Add([]byte(`[{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"eA=="}]`),
		"application/cloudevents-batch+json", "", "k")
	f.Add([]byte(`<a/>`), "text/xml; charset=utf-8", "a%20b", "")
	f.Add([]byte(``), "", "\"q\\\"", "")
	f.Add([]byte(`[[[[`), "application/cloudevents-batch", "%", "")
	a := &API{o: Options{Limits: hookyard.DefaultLimits()}}
	f.Fuzz(func(t *testing.T, body []byte, contentType, subject, key string) {
		r := &http.Request{Header: http.Header{"Content-Type": {contentType}}}
		if subject != "" {
			for name, value := range map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s",
				"Ce-Type": "t", "Ce-Subject": subject} {
				r.Header.Set(name, value)
			}
		}
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		events, many, err := a.eventsOf(r, &hookyard.Project{Preset: "netbeans"}, body)
		if err != nil {
			if e := describe(err); e.Status >= 500 || e.Detail == "" || !utf8.ValidString(e.Detail) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if !many && len(events) != 1 || len(events) == 0 {
			t.Fatalf("%q: %d events", body, len(events))
		}
		for _, e := range events {
			if e.Type == "" || !utf8.ValidString(e.Type+e.DedupKey+e.ContentType) ||
				strings.ContainsRune(e.Type+e.DedupKey+e.ContentType, 0) ||
				e.DataOffset > 0 && !json.Valid(e.Body) || key != "" && e.DedupKey == "" {
				t.Fatalf("%q became %+v", body, e)
			}
			for _, values := range e.Header {
				if strings.ContainsAny(values[0], "\r\n") && subject == "" {
					t.Fatalf("%q: an attribute holds a line break: %q", body, values[0])
				}
			}
		}
	})
}

// FuzzCursor holds that a cursor is one that was given out, or refused.
func FuzzCursor(f *testing.F) {
	f.Add(makeCursor(cursorEvents, 7, "123"), int64(7))
	f.Add(makeCursor(cursorDeliveries, 7, "dlv_x_1"), int64(7))
	f.Add("ZTE6LTU", int64(1))
	f.Add("!!", int64(0))
	f.Fuzz(func(t *testing.T, cursor string, project int64) {
		for _, kind := range []string{cursorProjects, cursorEvents, cursorDeliveries, cursorAudit} {
			at, err := readCursor(cursor, kind, project)
			if err == nil && cursor != "" && makeCursor(kind, project, at) != cursor {
				t.Fatalf("cursor %q was accepted as %q and not given out", cursor, at)
			}
			n, err := readNumber(cursor, kind, project)
			if err == nil && cursor != "" && makeCursor(kind, project, position(n)) != cursor {
				t.Fatalf("cursor %q was accepted as %d and not given out", cursor, n)
			}
			if err != nil && hookyard.CodeOf(err) != hookyard.Invalid {
				t.Fatalf("cursor %q: %v", cursor, err)
			}
		}
	})
}

// FuzzHookBody puts anything into a hook and shows it: settings or an error to show, and no secret ever shown.
func FuzzHookBody(f *testing.F) {
	for _, seed := range []string{
		`{"url":"http://example.com","events":"all","secret":"s3cr3t-value"}`, `{"url":null}`,
		`{"headers":{"Authorization":"s3cr3t-value"}}`,
		`{"schedule":["0s",5],"off":{"policy":"never"},"rabbitmq":{"queue":"q"}}`,
		`{"active":null,"description":null,"expiresAt":"2026-01-02T03:04:05Z"}`,
		`{"__proto__":{"x":1}}`, `{"events":["a",null]}`, `{"rate":1e400}`, `{"timeout":"9999999h"}`, `[]`,
		`{"headers":{"*":null}}`,
	} {
		f.Add([]byte(seed))
	}
	limits := hookyard.DefaultLimits()
	p := &hookyard.Project{Owner: "o", Name: "n"}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := control.ParseObject(body)
		var h *hookyard.Hook
		if err == nil {
			var in control.HookPatch
			if in, err = readHook(nil, o, true); err == nil {
				h, err = control.NewHook("h", in)
			}
		}
		if err == nil {
			err = h.Validate(nil, limits)
		}
		if err != nil {
			if e := describe(err); e.Status >= 500 || e.Detail == "" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		b, jerr := hookyard.EncodeJSON(hookJSON(p, h))
		if jerr != nil || !json.Valid(b) {
			t.Fatalf("%q cannot be shown: %v", body, jerr)
		}
		if len(h.Secrets) > 0 && bytes.Contains(b, []byte(`"secret":"`+h.Secrets[0].Value)) &&
			h.Secrets[0].Value != hookyard.Masked {
			t.Fatalf("%q: the secret is shown: %s", body, b)
		}
	})
}
