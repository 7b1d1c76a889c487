package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// rare lists fields of results that no test of a whole server fills in reasonable time, and when they are filled.
var rare = map[string]string{
	"BatchReceipt.Error":     "the database refuses one event of several",
	"BatchReceipt.Code":      "likewise",
	"EventPage.Cut":          "a search reads more than a search may",
	"Event.UID":              "published through Svix's API",
	"Event.BodyLeftOut":      "a body is past its retention, or too large to be shown",
	"StreamEvent.Gap":        "events a listener has not seen are past their retention",
	"StreamGap.*":            "likewise",
	"User.Subject":           "with an OpenID provider",
	"User.SecondFactor":      "with a second factor",
	"CurrentUser.Guest":      "with --guests",
	"ServerInfo.Dev":         "with --dev",
	"KeyRotation.Unreadable": "secrets of a lost key",
	"KeyRotation.WaitingFor": "with several nodes",
	"Node.Lag":               "a node is late",
	"Node.Clock":             "on PostgreSQL",
	"Replay.Skipped":         "a hook is switched off while a replay sends to it",
	"Replay.Approximate":     "more events than are counted at once",
	"BinRequest.Truncated":   "a request over --max-bin-body",
}

// TestNoFieldIsAlwaysEmpty calls every method of the client that reads something, on a server on which everything has
// happened, and holds that each field of each result was filled by one of them.
func TestNoFieldIsAlwaysEmpty(t *testing.T) {
	t.Parallel()
	s := start(t, "--allow-target", "127.0.0.0/8,::1,localhost", "--max-decode", "4KiB")
	token, err := os.ReadFile(filepath.Join(s.data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	f := &filled{t: t, c: s.client(strings.TrimSpace(string(token))), seen: map[string]bool{}}
	f.users()
	f.projects()
	f.hooks()
	f.traffic()
	f.bins(s.url)
	for _, missing := range f.missing() {
		t.Errorf("%s was never filled: fill it, delete it, or say in rare when it is", missing)
	}
}

// filled remembers which fields had a value.
type filled struct {
	t    *testing.T
	c    *client.Client
	seen map[string]bool
}

const filledProject = "acme/full"

// see marks the fields of a result.
func (f *filled) see(v any, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	f.mark(reflect.ValueOf(v))
}

func (f *filled) mark(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			f.mark(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			f.mark(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			f.mark(v.MapIndex(k))
		}
	case reflect.Struct:
		for _, name := range fieldsOf(v.Type()) {
			if field := v.FieldByName(name); !field.IsZero() {
				f.seen[v.Type().Name()+"."+name] = true
				f.mark(field)
			}
		}
	}
}

// fieldsOf returns the fields of one of our types that go over the wire.
func fieldsOf(t reflect.Type) []string {
	var out []string
	if !strings.HasPrefix(t.PkgPath(), "github.com/hookyard/hookyard") {
		return nil
	}
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("json"); t.Field(i).IsExported() && tag != "-" {
			out = append(out, t.Field(i).Name)
		}
	}
	return out
}

// missing returns the fields of all results of the client's methods that were not marked.
func (f *filled) missing() []string {
	var out []string
	known, excused := map[reflect.Type]bool{}, maps.Clone(rare)
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			visit(t.Elem())
		case reflect.Struct:
			if known[t] {
				return
			}
			known[t] = true
			for _, name := range fieldsOf(t) {
				full := t.Name() + "." + name
				if !f.seen[full] && rare[full] == "" && rare[t.Name()+".*"] == "" {
					out = append(out, full)
				}
				delete(excused, full)
				delete(excused, t.Name()+".*")
				field, _ := t.FieldByName(name)
				visit(field.Type)
			}
		}
	}
	methods := reflect.TypeFor[*client.Client]()
	for i := range methods.NumMethod() {
		m := methods.Method(i).Type
		for o := range m.NumOut() {
			if out := m.Out(o); out != methods {
				visit(out)
			}
		}
	}
	visit(reflect.TypeFor[client.StreamEvent]())
	for name := range excused {
		f.t.Errorf("rare has %s, which no result has", name)
	}
	slices.Sort(out)
	return out
}

func (f *filled) users() {
	ctx := f.t.Context()
	f.see(f.c.Info(ctx))
	f.see(f.c.User(ctx))
	f.see(f.c.UserToken(ctx))
	f.see(f.c.CreateUser(ctx, client.UserPatch{Name: ptr("ann"), Admin: ptr(true)}))
	f.see(f.c.InviteUser(ctx, "ann"))
	f.see(f.c.CreateUser(ctx, client.UserPatch{Name: ptr("bob"), Password: ptr("correct horse battery")}))
	f.see(f.c.UpdateUser(ctx, "bob", client.UserPatch{Disabled: ptr(true)}))
	f.see(f.c.Users(ctx))
	if _, _, err := f.c.PutProject(ctx, filledProject, client.ProjectPatch{}); err != nil {
		f.t.Fatal(err)
	}
	f.see(f.c.CreateToken(ctx, client.TokenRequest{Name: "ci", Scope: hookyard.ScopePublish, Project: filledProject,
		ExpiresIn: hookyard.Duration(time.Hour)}))
	f.see(f.c.Tokens(ctx))
	f.see(f.c.ServerAudit(ctx, client.AuditQuery{Page: client.Page{Limit: 1}}))
	f.see(f.c.ServerAudit(ctx, client.AuditQuery{All: true}))
	f.see(f.c.SourceTypes(ctx))
}

func (f *filled) projects() {
	ctx := f.t.Context()
	set := client.ProjectPatch{UID: ptr("u"), Title: ptr("t"), Rate: ptr(1000.0), Description: ptr("d"),
		Metadata: &map[string]string{"a": "b"}, Preset: ptr("github"), Relay: ptr("signed"),
		RelaySecret: ptr("a secret of the relay"), ModelEvents: ptr(true), Public: ptr(true),
		Retention:     ptr(hookyard.Duration(time.Hour)),
		AllowRequests: ptr(true), SearchFields: &[]string{"data.order.id"}}
	f.see(f.c.PatchProject(ctx, filledProject, set))
	f.see(f.c.PatchProject(ctx, filledProject, client.ProjectPatch{Preset: ptr(""), EventTypes: &[]string{}}))
	if _, _, err := f.c.PutProject(ctx, "acme/other", client.ProjectPatch{}); err != nil {
		f.t.Fatal(err)
	}
	f.see(f.c.Projects(ctx, client.Page{Limit: 1}))
	if err := f.c.SetMember(ctx, filledProject, "ann", hookyard.RoleWrite); err != nil {
		f.t.Fatal(err)
	}
	f.see(f.c.Members(ctx, filledProject))
	f.see(f.c.SetLimits(ctx, filledProject, client.LimitPatch{hookyard.LimitHooks: ptr(int64(900))}))
	f.see(f.c.Limits(ctx, "acme"))
	f.see(f.c.AllLimits(ctx))
	f.see(f.c.SetLook(ctx, "acme", hookyard.Look{Name: "Acme", Logo: "https://acme.example/logo.png",
		Accent: "#ff0000", AccentDark: "#ff8888", Font: "serif", Theme: "light",
		Frames: []string{"https://acme.example"}}))
	f.see(f.c.Look(ctx, "acme"))
	link, err := f.c.CreatePortalLink(ctx, filledProject, client.PortalLinkRequest{})
	f.see(link, err)
	opened, err := http.Get(link.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = opened.Body.Close()
	f.see(f.c.CreatePortalLink(ctx, filledProject, client.PortalLinkRequest{ReadOnly: true,
		ReturnURL: "https://acme.example/", Hide: []hookyard.PortalPart{hookyard.PartVerify}}))
	f.see(f.c.RevokePortal(ctx, filledProject))
	f.see(f.c.Nodes(ctx))
	f.catalogue()
}

// catalogue describes event types.
func (f *filled) catalogue() {
	ctx := f.t.Context()
	mode := hookyard.CatalogueWarn
	f.see(f.c.SetCatalogue(ctx, "acme", client.CataloguePatch{Mode: &mode, Public: ptr(true)}))
	f.see(f.c.Catalogue(ctx, "acme"))
	for _, name := range []string{"order.created", "order.paid"} {
		one, _, err := f.c.PutEventType(ctx, "acme", name, client.EventTypePatch{Description: ptr("An order"),
			Group: ptr("Orders"), Schema: []byte(`{"type":"object"}`), Example: []byte(`{"id":7}`),
			Archived: ptr(true), Deprecated: ptr(true), FeatureFlags: &[]string{"beta"}})
		f.see(one, err)
	}
	f.see(f.c.EventTypes(ctx, "acme", client.EventTypeQuery{Page: client.Page{Limit: 1}, Archived: true}))
	f.see(f.c.EventType(ctx, filledProject, "order.created"))
	f.see(f.c.EventExample(ctx, filledProject, "order.created"))
	doc, err := f.c.ExportEventTypes(ctx, "acme")
	f.see(doc, err)
	f.see(f.c.ImportEventTypes(ctx, "acme", []byte(`{"openapi":"3.1.0","webhooks":{"ping":{"post":{}}}}`),
		client.ImportOptions{DryRun: true}))
}

// hooks creates hooks with all settings, most of them without events.
func (f *filled) hooks() {
	ctx := f.t.Context()
	put := func(id string, h client.HookPatch) {
		h.Events = ptr(hookyard.Selector{Names: []string{id}})
		f.see(f.c.CreateHook(ctx, filledProject, id, h))
	}
	put("all", client.HookPatch{URL: ptr("http://127.0.0.1:1/"), UID: ptr("u"), Description: ptr("d"),
		Channels: &[]string{"c"}, Metadata: &map[string]string{"a": "b"}, Format: ptr("template"),
		Template: ptr("{{.Type}}"), DataAsBody: ptr(true), Method: ptr("PUT"), Secret: ptr("a secret of the hook"),
		Forward: &hookyard.Forward{Headers: ptr(true), Path: ptr(true), Query: ptr(true), Method: ptr(true)},
		Headers: map[string]*string{"X-A": ptr("b")}, Schedule: waits(0, time.Hour), Rate: ptr(2.5),
		Ordered: ptr(true), Filter: ptr("type = x"), Off: &hookyard.OffPolicy{Policy: "failures", After: 3},
		InsecureTLS: ptr(true), ExpiresAt: ptr(time.Now().Add(time.Hour))})
	put("features", client.HookPatch{URL: ptr("http://127.0.0.1:1/"), Features: &[]string{"git"}})
	put("queue", client.HookPatch{URL: ptr("amqp://127.0.0.1:1/"),
		RabbitMQ: &hookyard.RabbitMQ{Exchange: "e", RoutingKey: "k", Queue: "q", Declare: true,
			Arguments: map[string]any{"x-queue-type": "quorum"}}})
	f.see(f.c.CreateHook(ctx, filledProject, "every", client.HookPatch{URL: ptr("http://127.0.0.1:1/"),
		Events: ptr(hookyard.SelectAll()), Active: ptr(false)}))
	put("on", client.HookPatch{URL: ptr("http://127.0.0.1:1/")})
	f.see(f.c.RotateHookSecret(ctx, filledProject, "on", client.Rotation{}))
	f.see(f.c.TestHook(ctx, filledProject, "features"))
	f.see(f.c.PatchHook(ctx, filledProject, "on", client.HookPatch{Active: ptr(false)}))
	f.see(f.c.TestHook(ctx, filledProject, "on"))
	f.see(f.c.PutListener(ctx, filledProject, "listen-1", client.Listener{URL: "http://localhost:3000/"}))
}

// traffic lets events come, be refused, delivered, retried and given up.
func (f *filled) traffic() {
	ctx, t := f.t.Context(), f.t
	held := make(chan struct{})
	rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request, _ int) int {
		status, body := http.StatusOK, "ok"
		switch r.URL.Path {
		case "/bad":
			status = http.StatusInternalServerError
			body = "\xff\x00"
		case "/gone":
			status = http.StatusGone
			body = strings.Repeat("x", 100_000)
		case "/held":
			<-held
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return status
	})
	t.Cleanup(func() { close(held) })
	hook := func(id, url, events string, h client.HookPatch) {
		h.URL, h.Events = &url, ptr(hookyard.Selector{Names: []string{events}})
		f.see(f.c.CreateHook(ctx, filledProject, id, h))
	}
	hook("good", rc.url+"/good", "a", client.HookPatch{})
	secure := httptest.NewTLSServer(rc)
	t.Cleanup(secure.Close)
	hook("tls", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), "a", client.HookPatch{InsecureTLS: ptr(true)})
	hook("text", rc.url+"/good", "a", client.HookPatch{Format: ptr("text")})
	hook("bad", rc.url+"/bad", "a", client.HookPatch{Schedule: waits(0, 0, time.Hour),
		Off: &hookyard.OffPolicy{Policy: "resting"}})
	hook("down", "http://127.0.0.1:1/", "a", client.HookPatch{Schedule: waits(0)})
	hook("gone", rc.url+"/gone", "a", client.HookPatch{})
	hook("slow", rc.url+"/slow", "b", client.HookPatch{Rate: ptr(0.001)})
	f.sources()
	var last client.Receipt
	for _, p := range []client.Publication{
		{Type: "a", Data: json.RawMessage(`{"order":{"id":1}}`), Channels: []string{"c"}},
		{Type: "b", Data: "x", ID: "mine"},
		{Type: "b", Data: "x", ID: "mine"}, {Type: "b", Data: 2}, {Type: "a", Data: 3}, {Type: "on", Data: 4},
	} {
		receipt, err := f.c.Publish(ctx, filledProject, p)
		f.see(receipt, err)
		if p.Type == "a" {
			last = receipt
		}
	}
	f.see(f.c.PublishAll(ctx, filledProject, []client.Publication{{Type: "x", Data: 1},
		{Type: "x", Data: strings.Repeat("x", 10_000)}}))
	testenv.Until(t, "deliveries are made", func() bool {
		page, err := f.c.Deliveries(ctx, filledProject, client.DeliveryQuery{Hook: "bad", Page: client.Page{Limit: 1}})
		f.see(page, err)
		gone, err := f.c.Hook(ctx, filledProject, "gone")
		f.see(gone, err)
		resting, err := f.c.Hook(ctx, filledProject, "bad")
		f.see(resting, err)
		failed, err := f.c.Deliveries(ctx, filledProject, client.DeliveryQuery{State: hookyard.Failed})
		f.see(failed, err)
		return len(page.Deliveries) > 0 && page.Deliveries[0].Attempts > 1 && !gone.Active && len(failed.Deliveries) > 1
	})
	f.see(f.c.RecordForwarded(ctx, filledProject, "listen-1", client.Forwarded{EventID: last.ID,
		StartedAt: time.Now(), Status: 200, Request: client.ForwardedRequest{Header: http.Header{"A": {"b"}}}}))
	f.see(f.c.Events(ctx, filledProject, client.EventQuery{Page: client.Page{Limit: 2}}))
	f.see(f.c.Events(ctx, filledProject, client.EventQuery{Fields: map[string]string{"data.order.id": "1"}}))
	page, err := f.c.Events(ctx, filledProject, client.EventQuery{Page: client.Page{Limit: 500}})
	f.see(page, err)
	for _, e := range page.Events {
		f.see(f.c.Event(ctx, filledProject, e.ID))
		f.see(f.c.Explain(ctx, filledProject, e.ID))
	}
	hook("held", rc.url+"/held", "x", client.HookPatch{})
	f.replays(last.ID)
	f.read()
}

// sources creates sources, one with all settings, and sends to them what they take and what they refuse.
func (f *filled) sources() {
	ctx := f.t.Context()
	put := func(name string, p client.SourcePatch) client.Source {
		source, _, err := f.c.PutSource(ctx, filledProject, name, p)
		f.see(source, err)
		return source
	}
	in := put("in", client.SourcePatch{Type: ptr("hmac"), Secret: ptr("a secret of the source"), Description: ptr("d"),
		Scheme: json.RawMessage(`{"header":"X-Sig"}`), EventType: ptr("a"), TypeHeader: ptr("X-T"), TypeField: ptr("t"),
		DedupHeader: ptr("X-D"), Rate: ptr(int64(50)),
		Answer: &hookyard.Answer{Status: 202, Headers: map[string]string{"A": "b"},
			Body: "b", Delay: hookyard.Duration(time.Millisecond)}})
	put("queue", client.SourcePatch{Type: ptr("rabbitmq"), Active: ptr(false),
		RabbitMQ: &hookyard.QueueSource{URL: "amqp://127.0.0.1:1/", Queue: "q", Declare: true, Prefetch: 5,
			Arguments: map[string]any{"x-queue-type": "quorum"}, TypeFrom: "routingKey", Exclusive: true,
			Expect: "json"}})
	f.see(f.c.RotateSourceSecret(ctx, filledProject, "in", client.Rotation{}))
	open := put("open", client.SourcePatch{Type: ptr("none"), DedupHeader: ptr("X-D")})
	tok := put("tok", client.SourcePatch{Type: ptr("token"), Secret: ptr("a secret of the source")})
	ask(f.t, http.MethodPost, tok.URL, []byte("{}"), "Authorization", "Bearer a secret of the source")
	for i, body := range []string{"text", "\xff\x00", "{}"} {
		ask(f.t, http.MethodPost, in.URL+"/a?b=c", []byte(body), "X-D", "the same")
		for range 2 {
			ask(f.t, http.MethodPost, open.URL+"/a?b=c", []byte(body), "X-D", fmt.Sprint(i))
		}
	}
	f.see(f.c.Sources(ctx, filledProject))
	f.see(f.c.Refused(ctx, filledProject, "in", 10))
}

// replays sends again, with hooks that are off and deliveries that are canceled among it.
func (f *filled) replays(event string) {
	ctx := f.t.Context()
	f.see(f.c.ReplayEvent(ctx, filledProject, event, "good"))
	f.see(f.c.CreateReplay(ctx, filledProject, client.ReplayRequest{Hook: "slow", DryRun: true}))
	waiting, err := f.c.Deliveries(ctx, filledProject, client.DeliveryQuery{Hook: "slow", State: hookyard.Pending})
	f.see(waiting, err)
	f.see(f.c.CancelDelivery(ctx, filledProject, waiting.Deliveries[0].ID))
	for _, r := range []client.ReplayRequest{
		{Hook: "slow", Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}, {Hook: "good", Type: "a"},
		{Hook: "down", Type: "a"}, {Hook: "down", State: hookyard.Failed},
	} {
		replay, err := f.c.CreateReplay(ctx, filledProject, r)
		f.see(replay, err)
		f.replayed("under way", replay.ID, func(r hookyard.Replay) bool {
			return r.Status != hookyard.ReplayRunning || r.Queued > 0
		})
		if r.Hook == "slow" {
			f.see(f.c.CancelReplay(ctx, filledProject, replay.ID))
			f.replayed("canceled", replay.ID, func(r hookyard.Replay) bool { return r.Canceled > 0 })
		}
	}
	replay, err := f.c.CreateReplay(ctx, filledProject, client.ReplayRequest{Hook: "held"})
	f.see(replay, err)
	f.replayed("being sent", replay.ID, func(r hookyard.Replay) bool { return r.Sending > 0 })
	f.see(f.c.Replays(ctx, filledProject, 10))
}

// replayed waits for what a replay shows.
func (f *filled) replayed(what, id string, is func(hookyard.Replay) bool) {
	f.t.Helper()
	testenv.Until(f.t, "a replay is "+what, func() bool {
		r, err := f.c.Replay(f.t.Context(), filledProject, id)
		f.see(r, err)
		return is(r)
	})
}

// read reads what the project has at the end, when its key and its search fields have changed.
func (f *filled) read() {
	ctx := f.t.Context()
	f.see(f.c.RotateKey(ctx))
	testenv.Until(f.t, "the key is changed", func() bool {
		k, err := f.c.KeyRotation(ctx)
		f.see(k, err)
		return !k.EndedAt.IsZero()
	})
	f.see(f.c.PatchProject(ctx, filledProject, client.ProjectPatch{SearchFields: &[]string{"data.order.id", "type"}}))
	testenv.Until(f.t, "the search fields are filled", func() bool {
		fields, err := f.c.SearchFields(ctx, filledProject)
		f.see(fields, err)
		return !slices.ContainsFunc(fields, func(s hookyard.SearchFieldState) bool { return !s.Ready })
	})
	f.see(f.c.Events(ctx, filledProject, client.EventQuery{Fields: map[string]string{"type": "x"}}))
	f.see(f.c.SearchEvents(ctx, client.EventQuery{Find: "x"}))
	f.see(f.c.RecheckRefused(ctx, filledProject, "in", client.RecheckRequest{All: true}))
	f.see(f.c.PatchSource(ctx, filledProject, "in",
		client.SourcePatch{Type: ptr("none"), Secret: ptr(""), Scheme: json.RawMessage("null")}))
	f.see(f.c.RecheckRefused(ctx, filledProject, "in", client.RecheckRequest{All: true}))
	for d, err := range f.c.AllDeliveries(ctx, filledProject, client.DeliveryQuery{}) {
		f.see(d, err)
		f.see(f.c.Delivery(ctx, filledProject, d.ID))
	}
	f.see(f.c.Hooks(ctx, filledProject))
	f.see(f.c.Stats(ctx, filledProject, client.StatsQuery{}))
	f.see(f.c.Stats(ctx, filledProject, client.StatsQuery{Hook: "good"}))
	f.see(f.c.Audit(ctx, filledProject, client.AuditQuery{Page: client.Page{Limit: 1}}))
	enough := errors.New("enough")
	n := 0
	_, err := f.c.Stream(ctx, filledProject, client.StreamQuery{Since: "all"}, nil, func(e client.StreamEvent) error {
		f.see(e, nil)
		if n++; n == 5 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		f.t.Errorf("the stream ended with %v", err)
	}
	f.see(f.c.EraseEvents(ctx, filledProject, client.EventErasure{EventQuery: client.EventQuery{
		State: hookyard.Pending, Page: client.Page{Limit: 1}}}))
	f.see(f.c.EraseEvents(ctx, filledProject, client.EventErasure{All: true, DryRun: true,
		EventQuery: client.EventQuery{Page: client.Page{Limit: 1}}}))
}

// bins lets requests come to a bin, and sends one on.
func (f *filled) bins(url string) {
	ctx := context.WithoutCancel(f.t.Context())
	b, err := f.c.CreateBin(ctx, client.BinSettings{Private: true, Status: 201, Headers: map[string]string{"A": "b"},
		Body: "b", Delay: hookyard.Duration(time.Millisecond)})
	f.see(b, err)
	ask(f.t, http.MethodPost, url+"/"+b.Name+"/a?b=c", []byte("d=e"), "Content-Type",
		"application/x-www-form-urlencoded")
	ask(f.t, http.MethodPost, url+"/"+b.Name, []byte("hello"))
	f.see(f.c.Bin(ctx, b.Name, b.Key))
	requests, err := f.c.BinRequests(ctx, b.Name, b.Key)
	f.see(requests, err)
	f.see(f.c.BinSource(ctx, b.Name, b.Key, client.BinSourceRequest{Project: filledProject, Name: "bin", Type: "none",
		Request: requests[0].ID}))
	f.see(f.c.BinSource(ctx, b.Name, b.Key, client.BinSourceRequest{Project: filledProject, Name: "bin2",
		Type: "token", Secret: "a secret of the bin"}))
}
