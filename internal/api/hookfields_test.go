package api_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// TestHookFields fails when a field of hooks was added and one of the places that CONTRIBUTING names was forgotten: the
// client's shapes, the rules, or what the API shows. The store has a test of its own.
func TestHookFields(t *testing.T) {
	t.Parallel()
	internal := map[string]bool{"Key": true, "ProjectKey": true, "Project": true, "Deleted": true,
		"Unreadable": true}
	given := map[string]bool{"ID": true, "CreatedAt": true, "UpdatedAt": true, "Health": true, "OffReason": true}
	for f := range reflect.TypeFor[hookyard.Hook]().Fields() {
		name := f.Name
		if name == "Secrets" {
			name = "Secret"
		}
		if internal[name] {
			continue
		}
		if _, ok := reflect.TypeFor[client.Hook]().FieldByName(name); !ok {
			t.Errorf("client.Hook has no %s", name)
		}
		if given[name] {
			continue
		}
		if _, ok := reflect.TypeFor[client.HookPatch]().FieldByName(name); !ok {
			t.Errorf("client.HookPatch has no %s", name)
		}
		if _, ok := reflect.TypeFor[control.HookPatch]().FieldByName(name); !ok {
			t.Errorf("control.HookPatch has no %s", name)
		}
	}

	ctx := t.Context()
	b := one(t, nil)
	p := b.project("p", client.ProjectPatch{})
	set := client.HookPatch{
		URL: new("amqp://127.0.0.1/"), Events: new(hookyard.SelectAll()), Description: new("a hook"),
		UID: new("a-uid"), Channels: new([]string{"eu"}), Metadata: new(map[string]string{"team": "blue"}),
		Active: new(true), Format: new("template"), ContentType: new("form"), Template: new("{{.Type}}"),
		DataAsBody: new(true),
		Forward:    &hookyard.Forward{Headers: new(true), Path: new(true), Query: new(false), Method: new(true)},
		Method:     new("PUT"), Signature: new("both"), Features: new([]string{"git3"}),
		Secret: new("a secret"), Headers: map[string]*string{"X-Team": new("blue")},
		Schedule: new([]hookyard.Duration{0, hookyard.Duration(time.Hour)}),
		Timeout:  new(hookyard.Duration(time.Second)), InFlight: new(3), Rate: new(2.5), Ordered: new(true),
		Filter: new("body.data.n > 1"),
		Off:    &hookyard.OffPolicy{Policy: hookyard.OffFailures, After: 7}, InsecureTLS: new(true),
		RabbitMQ: &hookyard.RabbitMQ{Queue: "q"}, ExpiresAt: new(time.Date(2037, 1, 2, 3, 4, 5, 0, time.UTC)),
		Revision: new(int64(0)),
	}
	for f, v := range reflect.ValueOf(set).Fields() {
		if v.IsZero() {
			t.Errorf("%s is not set in this test", f.Name)
		}
	}
	set.Revision = nil // of a hook to create there is none
	if _, err := b.alice.PutHook(ctx, p, "h", set); err != nil {
		t.Fatal(err)
	}
	h, err := b.alice.Hook(ctx, p, "h")
	if err != nil {
		t.Fatal(err)
	}
	for f, v := range reflect.ValueOf(h).Fields() {
		asked := reflect.ValueOf(set).FieldByName(f.Name)
		switch {
		case f.Name == "Health" || f.Name == "OffReason" || f.Name == "Revision" || f.Name == "Secret":
		case v.IsZero():
			t.Errorf("%s is not shown", f.Name)
		case f.Name != "Headers" && asked.IsValid() && asked.Kind() == reflect.Pointer &&
			!reflect.DeepEqual(asked.Elem().Interface(), reflect.Indirect(v).Interface()):
			t.Errorf("%s is shown as %v, and was set to %v", f.Name, v, asked.Elem())
		}
	}
	if h.Secret != hookyard.Masked || h.Headers["X-Team"] != hookyard.Masked {
		t.Errorf("hook = %+v", h)
	}
}
