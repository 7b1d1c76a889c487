package hookyard

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestIDsAscend(t *testing.T) {
	t.Parallel()
	last := ""
	for i := range 100_000 {
		id := NewID("evt")
		if len(id) != len("evt_")+idLen || id <= last {
			t.Fatalf("id %d is %q after %q", i, id, last)
		}
		last = id
	}
}

func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	early, late := string(appendBase32(nil, uint64(t0.UnixMilli())<<16, 1)),
		string(appendBase32(nil, uint64(t0.UnixMilli()+1)<<16, 0))
	if early >= late {
		t.Errorf("%s of an earlier millisecond does not sort before %s", early, late)
	}
}

func TestDeliveryID(t *testing.T) {
	t.Parallel()
	event := NewID("evt")
	for _, key := range []int64{1, 31, 32, 1 << 40} {
		e, k, ok := ParseDeliveryID(DeliveryID(event, key))
		if !ok || e != event || k != key {
			t.Errorf("ParseDeliveryID(DeliveryID(%s, %d)) = %s, %d, %v", event, key, e, k, ok)
		}
	}
	for _, bad := range []string{"", "dlv_", "dlv_x_1", event, "dlv_" + event[4:], "dlv_" + event[4:] + "_",
		"dlv_" + event[4:] + "_-1", "dlv_" + event[4:] + "_zz"} {
		if _, _, ok := ParseDeliveryID(bad); ok {
			t.Errorf("ParseDeliveryID(%q) accepts it", bad)
		}
	}
}

func TestMatchGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"order.created", "order.created", true}, {"order.*", "order.created", true}, {"order.*", "order.", true},
		{"order.*", "order", false},
		{"*", "", true}, {"*", "x", true}, {"*.created", "order.created", true}, {"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxbyy", false},
		{"", "", true}, {"", "x", false}, {"**", "x", true}, {"a*a", "a", false}, {"*a*", "bab", true},
	} {
		if got := MatchGlob(c.pattern, c.name); got != c.want {
			t.Errorf("MatchGlob(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
	hostile := strings.Repeat("a*", 50) + "b"
	began := time.Now()
	MatchGlob(hostile, strings.Repeat("a", 10_000))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a hostile pattern took %s", took)
	}
}

func TestSelector(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, event string
		want        bool
	}{
		{`"all"`, "push", true}, {`"all"`, "hookyard.hook.disabled", false}, {`["*"]`, "push", true},
		{`[]`, "push", false},
		{`["push","order.*"]`, "order.paid", true}, {`["push"]`, "Push", false},
		{`["hookyard.*"]`, "hookyard.hook.disabled", true},
		{`["*.disabled"]`, "hookyard.hook.disabled", false},
		{`["hookyard.hook.disabled"]`, "hookyard.hook.disabled", true},
	} {
		var s Selector
		if err := json.Unmarshal([]byte(c.text), &s); err != nil {
			t.Fatal(err)
		}
		if got := s.Match(c.event); got != c.want {
			t.Errorf("%s matches %s: %v", c.text, c.event, got)
		}
	}
	for _, bad := range []string{`"push"`, `5`, `{}`, `[1]`, `null1`} {
		var s Selector
		if json.Unmarshal([]byte(bad), &s) == nil {
			t.Errorf("events %s is accepted", bad)
		}
	}
}

func TestSelectorCheck(t *testing.T) {
	t.Parallel()
	catalogue := []string{"COMMIT", "TAG_CREATED"}
	limits := DefaultLimits()
	for _, ok := range []Selector{SelectAll(), {}, {Names: []string{"COMMIT"}}, {Names: []string{"TAG_*"}},
		{Names: []string{"hookyard.*"}}} {
		if err := ok.Check(catalogue, limits); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
	err := Selector{Names: []string{"PUSH"}}.Check(catalogue, limits)
	if err == nil || err.Error() != "Event [PUSH] not among valid events. Valid events: COMMIT,TAG_CREATED" {
		t.Errorf("an unknown name: %v", err)
	}
	for _, bad := range []string{"", "a b", "a\x00", "\xff", strings.Repeat("x", 201), "a\u202eb"} {
		if (Selector{Names: []string{bad}}).Check(nil, limits) == nil {
			t.Errorf("name %q is accepted", bad)
		}
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	data := `{"__proto__":{"x":1},"":"","big":12345678901234567890.10,"dup":1,"dup":2}`
	e, err := Publish(Publication{Type: "order.created", Data: []byte(data), Timestamp: t0}, t0, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"order.created","timestamp":"2026-11-22T12:00:00Z","data":` + data + `}`
	if string(e.Body) != want || string(e.Data()) != data || !e.IsJSON() {
		t.Errorf("body %s, data %s", e.Body, e.Data())
	}
	if !json.Valid(e.Body) {
		t.Error("the body is not JSON")
	}
	for name, bad := range map[string]Publication{
		"type is missing": {Data: []byte("1")}, "at most 200": {Type: strings.Repeat("x", 201), Data: []byte("1")},
		"data is missing": {Type: "a"}, "not valid JSON": {Type: "a", Data: []byte("{")},
		"UTF-8":          {Type: "a", Data: []byte("\"\xff\"")},
		"hookyard's own": {Type: "hookyard.x", Data: []byte("1")}, "printable": {Type: "a b", Data: []byte("1")},
		"control characters": {Type: "a", ID: "x\x00", Data: []byte("1")},
	} {
		if _, err := Publish(bad, t0, DefaultLimits()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Publish(%+v) = %v; want something with %q", bad, err, name)
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	down := Outcome{Kind: KindConnect, Error: "connection refused"}
	status := func(n int) Outcome { return Outcome{Status: n} }
	for name, c := range map[string]struct {
		hook   Hook
		before Health
		tries  int
		o      Outcome
		state  State
		due    time.Duration // from t0, when pending
		off    bool
		fails  int
	}{
		"taken":                 {o: status(204), tries: 1, state: Delivered},
		"taken resets":          {before: Health{Failures: 9}, o: status(200), tries: 1, state: Delivered},
		"first failure":         {o: status(500), tries: 1, state: Pending, due: 5 * time.Second, fails: 1},
		"redirect is a failure": {o: status(308), tries: 1, state: Pending, due: 5 * time.Second, fails: 1},
		"second":                {o: down, tries: 2, state: Pending, due: 5 * time.Minute, fails: 1},
		"last of the schedule":  {o: down, tries: 10, state: Failed, fails: 1},
		"own schedule": {hook: Hook{Schedule: []time.Duration{0}}, o: down, tries: 1, state: Failed,
			fails: 1},
		"retry-after is longer": {o: Outcome{Status: 503, RetryAfter: time.Hour}, tries: 1, state: Pending,
			due: time.Hour, fails: 1},
		"retry-after is shorter": {o: Outcome{Status: 503, RetryAfter: time.Second}, tries: 1, state: Pending,
			due: 5 * time.Second, fails: 1},
		"retry-after is bounded": {o: Outcome{Status: 503, RetryAfter: 900 * time.Hour}, tries: 1, state: Pending,
			due: 24 * time.Hour, fails: 1},
		"gone":             {o: status(410), tries: 1, state: Failed, off: true, fails: 1},
		"cannot be shaped": {o: Outcome{Kind: KindShape, Error: "template"}, tries: 1, state: Failed},
		"blocked is not its fault": {before: Health{Failures: 3}, o: Outcome{Kind: KindBlocked}, tries: 1,
			state: Pending, due: 5 * time.Second, fails: 3},
		"netbeans, tenth": {hook: Hook{Off: OffPolicy{Policy: OffNetBeans}}, before: Health{Failures: 9},
			o: down, tries: 1, state: Failed, off: true, fails: 10},
		"netbeans, an answer resets": {hook: Hook{Off: OffPolicy{Policy: OffNetBeans}}, before: Health{Failures: 9},
			o: status(500), tries: 1, state: Pending, due: 5 * time.Second},
		"failures, third": {hook: Hook{Off: OffPolicy{Policy: OffFailures, After: 3}},
			before: Health{Failures: 2}, o: status(500), tries: 1, state: Failed, off: true, fails: 3},
		"never": {hook: Hook{Off: OffPolicy{Policy: OffNever}}, before: Health{Failures: 900},
			o: down, tries: 1, state: Pending, due: 5 * time.Second, fails: 901},
		"sustained, not long enough": {before: Health{Failures: 50, FailingSince: t0.Add(-4 * 24 * time.Hour)}, o: down,
			tries: 1, state: Pending, due: 5 * time.Second, fails: 51},
		"sustained": {before: Health{Failures: 50, FailingSince: t0.Add(-5 * 24 * time.Hour)}, o: down,
			tries: 1, state: Failed, off: true, fails: 51},
	} {
		d := Decide(&c.hook, c.before, c.tries, c.o, t0, 0.5)
		if d.State != c.state || (d.HookOff != "") != c.off || d.Health.Failures != c.fails {
			t.Errorf("%s: %+v", name, d)
		}
		if d.State == Pending && !d.Due.Equal(t0.Add(c.due)) {
			t.Errorf("%s: due after %s; want %s", name, d.Due.Sub(t0), c.due)
		}
		if d.State == Failed && d.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
	}
}

// TestDecideCounts checks that reasons with a count of one are singular.
func TestDecideCounts(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]Hook{
		"given up after 1 attempt":      {Schedule: []time.Duration{0}},
		"1 attempt failed in a row":     {Off: OffPolicy{Policy: OffFailures, After: 1}},
		"1 connection failed in a row;": {Off: OffPolicy{Policy: OffNetBeans, After: 1}},
	} {
		d := Decide(&h, Health{}, 1, Outcome{Kind: KindConnect, Error: "connection refused"}, t0, 0.5)
		if !strings.Contains(d.Reason, want) {
			t.Errorf("reason %q; want %q", d.Reason, want)
		}
	}
}

func TestDecideRests(t *testing.T) {
	t.Parallel()
	h := &Hook{Off: OffPolicy{Policy: OffResting}, Schedule: make([]time.Duration, 100)}
	health := Health{}
	var rests []time.Duration
	now := t0
	for range 8 {
		d := Decide(h, health, 1, Outcome{Status: 500}, now, 0.5)
		health = d.Health
		rest := time.Duration(0)
		if !health.RestUntil.IsZero() {
			rest = health.RestUntil.Sub(now)
		}
		rests = append(rests, rest)
	}
	want := []time.Duration{0, 0, 0, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute}
	if !slices.Equal(rests, want) {
		t.Errorf("rests %v; want %v", rests, want)
	}
	if d := Decide(h, health, 1, Outcome{Status: 200}, now, 0.5); d.Health != (Health{}) {
		t.Errorf("after a success: %+v", d.Health)
	}
	if d := Decide(&Hook{}, Health{}, 1, Outcome{Status: 429, RetryAfter: time.Minute}, t0,
		0); !d.Health.RestUntil.Equal(t0.Add(time.Minute)) {
		t.Errorf("429 rests the hook until %s", d.Health.RestUntil)
	}
}

// TestJitter checks that every wait stays within ±20 %.
func TestJitter(t *testing.T) {
	t.Parallel()
	err := quick.Check(func(r uint16) bool {
		d := Decide(&Hook{}, Health{}, 2, Outcome{Status: 500}, t0, float64(r)/65536)
		wait := d.Due.Sub(t0)
		return wait >= 4*time.Minute && wait <= 6*time.Minute
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	e := NewEvent("api", "order.created", []byte(`{"feature":"git3"}`), t0)
	hooks := []*Hook{
		{Key: 1, ID: "all", Active: true, Events: SelectAll()},
		{Key: 2, ID: "other", Active: true, Events: Selector{Names: []string{"push"}}},
		{Key: 3, ID: "off", Events: SelectAll(), OffReason: "410"},
		{Key: 4, ID: "deleted", Active: true, Deleted: true, Events: SelectAll()},
		{Key: 5, ID: "late", Active: true, Events: SelectAll(), Schedule: []time.Duration{time.Minute}},
		{Key: 6, ID: "filtered", Active: true, Events: SelectAll(), Filter: "x"},
		{Key: 7, ID: "ticked", Active: true, Events: SelectAll(), Features: []string{"git3"}},
		{Key: 8, ID: "not ticked", Active: true, Events: SelectAll(), Features: []string{"issues"}},
		{Key: 9, ID: "expired", Active: true, Events: SelectAll(), ExpiresAt: t0.Add(-time.Second)},
	}
	got := map[string]Delivery{}
	snapshot := &Snapshot{Project: &Project{}, Hooks: hooks}
	for _, d := range Route(e, snapshot, func(*Hook, *Event) (bool, error) { return false, nil }).Deliveries {
		got[d.HookID] = d.Delivery
	}
	if len(got) != 4 || got["all"].State != Pending || got["off"].State != Skipped || got["off"].Reason != "410" ||
		got["ticked"].State != Pending {
		t.Errorf("deliveries = %+v", got)
	}
	if !got["late"].Due.Equal(e.Time.Add(time.Minute)) {
		t.Errorf("due %s; the schedule's first wait counts from the event", got["late"].Due)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	secrets := []Secret{{Value: "a"}}
	for _, next := range []string{"b", "c", "d"} {
		secrets = Rotate(secrets, next, time.Hour, t0)
	}
	if got := Live(secrets, t0.Add(time.Minute)); !slices.Equal(got, []string{"d", "c", "b", "a"}) {
		t.Errorf("after three rotations %v are live", got)
	}
	if got := Live(secrets, t0.Add(2*time.Hour)); !slices.Equal(got, []string{"d"}) {
		t.Errorf("after the overlap %v are live", got)
	}
	if got := Rotate(secrets, "e", 0, t0); len(got) != 1 {
		t.Errorf("without overlap %d secrets are left", len(got))
	}
	if b, _ := json.Marshal(secrets[0]); string(b) != `"***"` || secrets[0].String() != "***" {
		t.Errorf("a secret shows as %s", b)
	}
}

func TestHookValidate(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	good := func() Hook { return Hook{ID: "h", URL: "https://a.example/x?y=z", Events: SelectAll()} }
	h := good()
	if err := h.Validate(nil, limits); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(h *Hook){
		"id":          func(h *Hook) { h.ID = "a/b" },
		"url":         func(h *Hook) { h.URL = "javascript:alert(1)" },
		"secret":      func(h *Hook) { h.Secrets = []Secret{{Value: strings.Repeat("x", 251)}} },
		"description": func(h *Hook) { h.Description = "a\x1b[31m" },
		"headers":     func(h *Hook) { h.Headers = map[string]string{"Content-Length": "1"} },
		"schedule":    func(h *Hook) { h.Schedule = []time.Duration{-1} },
		"timeout":     func(h *Hook) { h.Timeout = time.Hour },
		"inFlight":    func(h *Hook) { h.InFlight = 1000 },
		"rate":        func(h *Hook) { h.Rate = -1 },
		"off.policy":  func(h *Hook) { h.Off.Policy = "sometimes" },
		"rabbitmq":    func(h *Hook) { h.RabbitMQ = &RabbitMQ{} },
		"contentType": func(h *Hook) { h.ContentType = "xml" },
		"filter":      func(h *Hook) { h.Filter = strings.Repeat("x", 10_001) },
	} {
		h := good()
		change(&h)
		err := h.Validate(nil, limits)
		e, ok := err.(*Error)
		if !ok || e.Field != field || e.Code != Invalid {
			t.Errorf("%s: %v", field, err)
		}
	}
	for name, value := range map[string]string{"a b": "x", "X-A": "a\r\nB: c", "webhook-id": "x", "Host": "x", "": "x",
		"X-Hub-Signature-256": "x"} {
		if CheckHeaders(map[string]string{name: value}, limits) == nil {
			t.Errorf("header %q: %q is accepted", name, value)
		}
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-B": {"1", "2: 3"}, "A": {""}, "Ünicode": {"é"}}
	if got := DecodeHeader(EncodeHeader(nil, h)); !slices.Equal(got["X-B"], h["X-B"]) || len(got) != 3 {
		t.Errorf("%v became %v", h, got)
	}
	masked := MaskHeader(http.Header{"Authorization": {"secret"}, "X-Ok": {"yes"}})
	if masked.Get("Authorization") != Masked || masked.Get("X-Ok") != "yes" {
		t.Errorf("masked: %v", masked)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	var d Duration
	for text, want := range map[string]time.Duration{`"5m"`: 5 * time.Minute, `90`: 90 * time.Second, `"0s"`: 0,
		`0.5`: 500 * time.Millisecond} {
		if err := json.Unmarshal([]byte(text), &d); err != nil || time.Duration(d) != want {
			t.Errorf("%s = %s, %v", text, time.Duration(d), err)
		}
	}
	for _, bad := range []string{`"5 minutes"`, `true`, `1e300`, `{}`} {
		if json.Unmarshal([]byte(bad), &d) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"plain": "plain", "a\x00b": "a\ufffdb", "\xff": "\ufffd",
		"line\nbreak": "line\nbreak", "a\u202eb": "a\ufffdb"} {
		if got := Clean(in, 100); got != want {
			t.Errorf("Clean(%q) = %q", in, got)
		}
	}
	if got := Clean(strings.Repeat("é", 10), 5); got != "éé" {
		t.Errorf("cut to %q; want whole characters", got)
	}
}

func TestInTrouble(t *testing.T) {
	t.Parallel()
	now := t0
	for name, c := range map[string]struct {
		hook Hook
		want bool
	}{
		"well":           {Hook{Active: true}, false},
		"failed once":    {Hook{Active: true, Health: Health{Failures: 1, FailingSince: now}}, false},
		"failed twice":   {Hook{Active: true, Health: Health{Failures: 2, FailingSince: now}}, false},
		"three in a row": {Hook{Active: true, Health: Health{Failures: 3, FailingSince: now}}, true},
		"one that lasts": {Hook{Active: true,
			Health: Health{Failures: 1, FailingSince: now.Add(-5 * time.Minute)}}, true},
		"switched off":                 {Hook{OffReason: "10 attempts failed in a row"}, true},
		"switched off by a user":       {Hook{}, false},
		"switched off while it failed": {Hook{Health: Health{Failures: 9, FailingSince: now}}, false},
	} {
		if got := c.hook.InTrouble(now); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
	if got := (Health{Failures: 1}).Streak() + ", " + (Health{Failures: 2}).Streak(); got !=
		"failed once, failed 2 times in a row" {
		t.Error(got)
	}
}
