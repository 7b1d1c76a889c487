package control_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// engines stands in for ingest and dispatch, which have tests of their own, and lets every address be sent to.
type engines struct{}

func (engines) Accept(context.Context, *hookyard.Snapshot, *hookyard.Event) (hookyard.Receipt, error) {
	return hookyard.Receipt{}, nil
}

func (engines) Recheck(context.Context, *hookyard.Snapshot, *hookyard.Source, *hookyard.Refusal) (hookyard.Receipt,
	error) {
	return hookyard.Receipt{}, nil
}

func (engines) Wake(...int64)                          {}
func (engines) HookChanged(int64)                      {}
func (engines) WakeReplays()                           {}
func (engines) Lane(int64) hookyard.Lane               { return hookyard.Lane{} }
func (engines) CheckURL(context.Context, string) error { return nil }

// bundle is a Control over a database with alice's project alice/p, in which bob may read and carol may write.
type bundle struct {
	*control.Control
	db *store.DB
	id map[string]*auth.Identity
}

func setup(t *testing.T, db *store.DB) *bundle {
	t.Helper()
	ctx := t.Context()
	c, err := control.New(control.Options{
		Store: db, Ingest: engines{}, Dispatcher: engines{}, Auth: auth.New(db, auth.Options{}), Targets: engines{},
		Filter: func(*hookyard.Hook, *hookyard.Event) (bool, error) { return true, nil },
		Limits: hookyard.DefaultLimits(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{Control: c, db: db, id: map[string]*auth.Identity{}}
	for _, name := range []string{"root", "alice", "bob", "carol", "dave"} {
		u := &hookyard.User{Name: name, Admin: name == "root"}
		if err := db.CreateUser(ctx, u); err != nil {
			t.Fatal(err)
		}
		b.id[name] = &auth.Identity{User: u}
	}
	p, err := b.Project(ctx, b.id["alice"], "alice", "p", control.Own)
	if err != nil {
		t.Fatal(err)
	}
	if _, created, err := p.Put(ctx, control.ProjectPatch{}); err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	p = b.project(t, "alice", control.Admin)
	for name, role := range map[string]hookyard.Role{"bob": hookyard.RoleRead, "carol": hookyard.RoleWrite} {
		if _, err := p.SetMember(ctx, name, role); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// project returns alice/p in the hands of a user.
func (b *bundle) project(t *testing.T, user string, a control.Access) *control.Project {
	t.Helper()
	p, err := b.Project(t.Context(), b.id[user], "alice", "p", a)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// operations are all of a project's, with the role that each needs.
func operations(ctx context.Context) map[hookyard.Role]map[string]func(p *control.Project) error {
	return map[hookyard.Role]map[string]func(p *control.Project) error{
		hookyard.RoleRead: {
			"Example":   func(p *control.Project) error { _, err := p.Example(ctx, "x"); return err },
			"EventType": func(p *control.Project) error { _, err := p.EventType(ctx, "x"); return err },
			"EventTypes": func(p *control.Project) error {
				_, err := p.EventTypes(ctx, hookyard.EventTypeQuery{})
				return err
			},
			"Attempts": func(p *control.Project) error {
				_, err := p.Attempts(ctx, &hookyard.Delivery{})
				return err
			},
			"Audit": func(p *control.Project) error {
				_, err := p.Audit(ctx, hookyard.AuditQuery{Limit: 1})
				return err
			},
			"DefaultHooks": func(p *control.Project) error { _, err := p.DefaultHooks(); return err },
			"Deliveries": func(p *control.Project) error {
				_, _, err := p.Deliveries(ctx, control.DeliverySearch{})
				return err
			},
			"Delivery": func(p *control.Project) error { _, err := p.Delivery(ctx, "x"); return err },
			"Sending":  func(p *control.Project) error { _, err := p.Sending("x"); return err },
			"FillStatus": func(p *control.Project) error {
				return p.FillStatus(ctx, []hookyard.Delivery{{State: hookyard.Delivered}})
			},
			"Event":   func(p *control.Project) error { _, _, err := p.Event(ctx, "x"); return err },
			"Events":  func(p *control.Project) error { _, err := p.Events(ctx, control.EventSearch{}); return err },
			"Explain": func(p *control.Project) error { _, err := p.Explain(ctx, "x"); return err },
			"Hook":    func(p *control.Project) error { _, err := p.Hook(ctx, "x"); return err },
			"Hooks":   func(p *control.Project) error { _, err := p.Hooks(ctx); return err },
			"Members": func(p *control.Project) error { _, err := p.Members(ctx); return err },
			"Stats": func(p *control.Project) error {
				_, err := p.Stats(ctx, hookyard.StatsQuery{})
				return err
			},
			"Limits":     func(p *control.Project) error { _, err := p.Limits(ctx); return err },
			"Refused":    func(p *control.Project) error { _, err := p.Refused(ctx, "x", 1); return err },
			"Replay":     func(p *control.Project) error { _, err := p.Replay(ctx, "x"); return err },
			"EventMeta":  func(p *control.Project) error { _, err := p.EventMeta(ctx, "x"); return err },
			"EventByUID": func(p *control.Project) error { _, err := p.EventByUID(ctx, "x"); return err },
			"EventAt":    func(p *control.Project) error { _, err := p.EventAt(ctx, 1); return err },
			"HookByKey":  func(p *control.Project) error { _, err := p.HookByKey(ctx, 1); return err },
			"FindAttempts": func(p *control.Project) error {
				_, err := p.FindAttempts(ctx, hookyard.AttemptQuery{HookKey: 1, Limit: 1})
				return err
			},
			"DeliveriesAt": func(p *control.Project) error { _, err := p.DeliveriesAt(ctx, 1, nil); return err },
			"DeliveriesOf": func(p *control.Project) error {
				_, err := p.DeliveriesOf(ctx, &hookyard.Event{Seq: 1})
				return err
			},
			"Replays":      func(p *control.Project) error { _, err := p.Replays(ctx, 1); return err },
			"SearchFields": func(p *control.Project) error { _, err := p.SearchFields(ctx); return err },
			"Source":       func(p *control.Project) error { _, err := p.Source("x"); return err },
			"Sources":      func(p *control.Project) error { _, err := p.Sources(); return err },
		},
		hookyard.RoleWrite: {
			"AddDefaultHooks": func(p *control.Project) error { return p.AddDefaultHooks(ctx) },
			"CancelDelivery":  func(p *control.Project) error { _, err := p.CancelDelivery(ctx, "x"); return err },
			"CancelReplay":    func(p *control.Project) error { _, err := p.CancelReplay(ctx, "x"); return err },
			"CreateHook": func(p *control.Project) error {
				_, err := p.CreateHook(ctx, "x", control.HookPatch{})
				return err
			},
			"CreateReplay": func(p *control.Project) error {
				_, err := p.CreateReplay(ctx, control.ReplaySpec{Hook: "x"})
				return err
			},
			"PlanReplay": func(p *control.Project) error {
				_, err := p.PlanReplay(ctx, control.ReplaySpec{Hook: "x"})
				return err
			},
			"DeleteHook":     func(p *control.Project) error { return p.DeleteHook(ctx, "x", 0) },
			"DeleteListener": func(p *control.Project) error { return p.DeleteListener(ctx, "x") },
			"DeleteSource":   func(p *control.Project) error { return p.DeleteSource(ctx, "x", 0) },
			"Duplicate":      func(p *control.Project) error { _, err := p.Duplicate(ctx, "alice", "p"); return err },
			"EnableHook":     func(p *control.Project) error { _, err := p.EnableHook(ctx, "x"); return err },
			"PutListener":    func(p *control.Project) error { _, err := p.PutListener(ctx, "x", ""); return err },
			"CreateSource": func(p *control.Project) error {
				return p.CreateSource(ctx, &hookyard.Source{Name: "x"})
			},
			"PutSource": func(p *control.Project) error {
				_, _, err := p.PutSource(ctx, "x", control.SourcePatch{})
				return err
			},
			"RecordForwarded": func(p *control.Project) error {
				_, err := p.RecordForwarded(ctx, "x", control.Forwarded{})
				return err
			},
			"ReplayEvent": func(p *control.Project) error {
				_, err := p.ReplayEvent(ctx, "x", control.EventReplay{})
				return err
			},
			"PlanEvent": func(p *control.Project) error {
				_, _, err := p.PlanEvent(ctx, "x", control.EventReplay{})
				return err
			},
			"RetryDelivery": func(p *control.Project) error { _, err := p.RetryDelivery(ctx, "x"); return err },
			"Recheck":       func(p *control.Project) error { _, err := p.Recheck(ctx, "x", nil); return err },
			"RotateHookSecret": func(p *control.Project) error {
				_, err := p.RotateHookSecret(ctx, "x", control.Rotation{})
				return err
			},
			"RotateSourceSecret": func(p *control.Project) error {
				_, err := p.RotateSourceSecret(ctx, "x", control.Rotation{})
				return err
			},
			"SignDelivery":   func(p *control.Project) error { _, err := p.SignDelivery(ctx, "x"); return err },
			"ShowHookSecret": func(p *control.Project) error { _, err := p.ShowHookSecret(ctx, "x"); return err },
			"SignEvent":      func(p *control.Project) error { _, err := p.SignEvent(ctx, "x", ""); return err },
			"TestHook":       func(p *control.Project) error { _, err := p.TestHook(ctx, "x"); return err },
			"SendOnce":       func(p *control.Project) error { return p.SendOnce(ctx, "x", "x") },
			"SendTo":         func(p *control.Project) error { _, err := p.SendTo(ctx, "x", nil); return err },
			"SendExample":    func(p *control.Project) error { _, err := p.SendExample(ctx, "x", "y"); return err },
			"UpdateHook": func(p *control.Project) error {
				_, err := p.UpdateHook(ctx, "x", control.HookPatch{})
				return err
			},
			"UpdateSource": func(p *control.Project) error {
				_, err := p.UpdateSource(ctx, "x", control.SourcePatch{})
				return err
			},
		},
		hookyard.RoleAdmin: {
			"Delete":  func(p *control.Project) error { return p.Delete(ctx, 1e6) },
			"Remove":  func(p *control.Project) error { return p.Remove(ctx, 1e6) },
			"Expunge": func(p *control.Project) error { return p.Expunge(ctx, "x") },
			"ExpungeAttempt": func(p *control.Project) error {
				return p.ExpungeAttempt(ctx, &hookyard.FoundAttempt{EventID: "x"})
			},
			"Put": func(p *control.Project) error {
				_, _, err := p.Put(ctx, control.ProjectPatch{Revision: 1e6})
				return err
			},
			"CreatePortalLink": func(p *control.Project) error {
				_, _, err := p.CreatePortalLink(ctx, control.PortalSpec{})
				return err
			},
			"RevokePortal": func(p *control.Project) error { _, _, err := p.RevokePortal(ctx); return err },
			"DeleteToken":  func(p *control.Project) error { return p.DeleteToken(ctx, "x") },
			"EraseEvent":   func(p *control.Project) error { _, err := p.EraseEvent(ctx, "x"); return err },
			"EraseEvents": func(p *control.Project) error {
				_, err := p.EraseEvents(ctx, control.EventSearch{}, false, false)
				return err
			},
			"Tokens":       func(p *control.Project) error { _, err := p.Tokens(ctx); return err },
			"RemoveMember": func(p *control.Project) error { return p.RemoveMember(ctx, "x") },
			"SetMember": func(p *control.Project) error {
				_, err := p.SetMember(ctx, "x", hookyard.RoleRead)
				return err
			},
			"SetLimits": func(p *control.Project) error {
				_, err := p.SetLimits(ctx, control.Object{"unknown": nil}) // an administrator may
				return err
			},
			"Transfer": func(p *control.Project) error { _, err := p.Transfer(ctx, "alice"); return err },
			"Update": func(p *control.Project) error {
				_, err := p.Update(ctx, control.ProjectPatch{Revision: 1e6})
				return err
			},
		},
	}
}

// TestOperationsCheckTheRole calls each operation as a face would that has not checked who may: a role that is not
// enough is refused, and one that is enough gets another error or none.
func TestOperationsCheckTheRole(t *testing.T) {
	t.Parallel()
	b := setup(t, storetest.Open(t, storetest.SQLite(t)))
	all := operations(t.Context())
	// These change and show nothing of the project's.
	free := []string{"CheckHook", "CheckSource", "Key", "Path", "Reload"}
	known := slices.Concat(free, slices.Collect(maps.Keys(all[hookyard.RoleRead])),
		slices.Collect(maps.Keys(all[hookyard.RoleWrite])), slices.Collect(maps.Keys(all[hookyard.RoleAdmin])))
	for m := range reflect.TypeFor[*control.Project]().Methods() {
		if !slices.Contains(known, m.Name) {
			t.Errorf("this test does not know which role %s needs", m.Name)
		}
	}
	// What a session in a portal may do, and nothing else.
	portal := map[hookyard.Role][]string{hookyard.RoleRead: {"Attempts", "Deliveries", "Delivery", "FillStatus", "Hook",
		"Hooks", "Replay", "Replays", "Sending"}, hookyard.RoleWrite: {"CancelDelivery", "CancelReplay", "CreateHook",
		"CreateReplay", "DeleteHook", "EnableHook", "PlanReplay", "RetryDelivery", "RotateHookSecret",
		"ShowHookSecret", "SignDelivery", "TestHook", "UpdateHook"}}
	portal[hookyard.RoleRead] = append(portal[hookyard.RoleRead], "EventType", "EventTypes", "Example")
	portal[hookyard.RoleWrite] = append(portal[hookyard.RoleWrite], "SendExample")
	snapshot := b.project(t, "alice", control.Admin).Snapshot
	for need, operations := range all {
		for name, call := range operations {
			for user, role := range map[string]hookyard.Role{"dave": "", "bob": hookyard.RoleRead,
				"carol": hookyard.RoleWrite, "alice": hookyard.RoleAdmin} {
				p := b.project(t, "alice", control.Admin)
				p.Snapshot, p.Role = snapshot, role
				p.Caller = b.id[user]
				err := call(p)
				if refused := errors.Is(err, hookyard.ErrForbidden); refused == role.Allows(need) {
					t.Errorf("%s with role %q: %v; it needs %q", name, role, err, need)
				}
			}
			for _, role := range []hookyard.Role{hookyard.RolePortalRead, hookyard.RolePortal} {
				may := slices.Contains(portal[need], name) && (need == hookyard.RoleRead || role == hookyard.RolePortal)
				p := b.project(t, "alice", control.Admin)
				p.Snapshot, p.Role = snapshot, role
				p.Caller = &auth.Identity{User: &hookyard.User{Name: "portal:pts_1"}, Guest: true}
				err := call(p)
				if refused := errors.Is(err, hookyard.ErrUnauthenticated); refused == may {
					t.Errorf("%s with role %q: %v; may it: %t", name, role, err, may)
				}
			}
		}
	}
}

// TestProject holds that no project and no right look the same, and that only the owner learns the difference.
func TestProject(t *testing.T) {
	t.Parallel()
	b := setup(t, storetest.Open(t, storetest.SQLite(t)))
	for _, c := range []struct {
		user, name string
		access     control.Access
		want       hookyard.Code
	}{
		{"alice", "p", control.Admin, ""},
		{"alice", "none", control.Read, hookyard.NotFound},
		{"alice", "none", control.Own, ""},
		{"root", "none", control.Read, hookyard.NotFound},
		{"bob", "p", control.Read, ""},
		{"bob", "p", control.Write, hookyard.Forbidden},
		{"bob", "none", control.Read, hookyard.Forbidden},
		{"bob", "none", control.Own, hookyard.Forbidden},
		{"carol", "p", control.Write, ""},
		{"carol", "p", control.Own, hookyard.Forbidden},
		{"dave", "p", control.Read, hookyard.Forbidden},
		{"alice", "\x00", control.Read, hookyard.Invalid},
	} {
		_, err := b.Project(t.Context(), b.id[c.user], "alice", c.name, c.access)
		if got := hookyard.CodeOf(err); got != c.want || err != nil && got == "" {
			t.Errorf("%s, access %d to %q: %v, want %q", c.user, c.access, c.name, err, c.want)
		}
	}
	guest := &auth.Identity{User: &hookyard.User{Name: auth.GuestName}, Guest: true}
	if _, err := b.Project(t.Context(), guest, "alice", "p", control.Read); hookyard.CodeOf(err) !=
		hookyard.Unauthenticated {
		t.Errorf("a guest: %v, want unauthenticated", err)
	}
	for _, c := range []struct {
		user   *auth.Identity
		access control.Access
		want   hookyard.Code
	}{
		{guest, control.Anyone, ""}, {guest, control.SignedIn, hookyard.Unauthenticated},
		{guest, control.Administrator, hookyard.Unauthenticated}, {b.id["bob"], control.SignedIn, ""},
		{b.id["bob"], control.Administrator, hookyard.Forbidden}, {b.id["root"], control.Administrator, ""},
	} {
		if err := b.Admit(c.user, c.access); hookyard.CodeOf(err) != c.want {
			t.Errorf("%s, access %d: %v, want %q", c.user.User.Name, c.access, err, c.want)
		}
	}
}

// TestNothingTellsOfAProject asks for a project that there is and for one that there is not, in another spelling than
// its own, by every way into a project: a caller without a role gets the same answer.
func TestNothingTellsOfAProject(t *testing.T) {
	t.Parallel()
	b := setup(t, storetest.Open(t, storetest.SQLite(t)))
	ctx, dave := t.Context(), b.id["dave"]
	for name, enter := range map[string]func(name string) error{
		"Project": func(name string) error {
			_, err := b.Project(ctx, dave, "ALICE", name, control.Read)
			return err
		},
		"ProjectOnUse": func(name string) error {
			_, err := b.ProjectOnUse(ctx, dave, "ALICE", name, control.Write)
			return err
		},
		"Publish": func(name string) error { _, err := b.Publish(ctx, dave, "ALICE", name); return err },
		"CreateToken": func(name string) error {
			_, _, err := b.CreateToken(ctx, dave, control.TokenSpec{Project: "ALICE/" + name})
			return err
		},
	} {
		there, missing := enter("P"), enter("Q")
		if hookyard.CodeOf(there) != hookyard.Forbidden ||
			strings.ReplaceAll(missing.Error(), "Q", "P") != there.Error() {
			t.Errorf("%s: %q and %q; want the same", name, there, missing)
		}
	}
}

// TestCopies holds who may copy a project with its secrets, and who may give it away.
func TestCopies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		ctx := t.Context()
		carol := func() *control.Project { return b.project(t, "carol", control.Write) }
		if _, err := carol().Duplicate(ctx, "carol", "plain"); err != nil {
			t.Errorf("a copy without secrets: %v", err)
		}
		_, err := b.project(t, "alice", control.Write).CreateHook(ctx, "h", control.HookPatch{
			URL: control.Value("https://example.com/"), Secret: control.Value("whsec_" + strings.Repeat("QUFB", 8))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := carol().Duplicate(ctx, "carol", "secret"); hookyard.CodeOf(err) != hookyard.Forbidden {
			t.Errorf("a writer copies secrets: %v", err)
		}
		if _, err := b.project(t, "alice", control.Admin).Duplicate(ctx, "alice", "copy"); err != nil {
			t.Errorf("the owner copies: %v", err)
		}
		if _, err := b.project(t, "alice", control.Admin).SetMember(ctx, "carol", hookyard.RoleAdmin); err != nil {
			t.Fatal(err)
		}
		if _, err := carol().Duplicate(ctx, "carol", "secret"); err != nil {
			t.Errorf("an administrator of the project copies: %v", err)
		}
		if _, err := carol().Transfer(ctx, "carol"); hookyard.CodeOf(err) != hookyard.Forbidden {
			t.Errorf("an administrator of the project gives it away: %v", err)
		}
		if _, err := b.project(t, "root", control.Admin).Transfer(ctx, "carol"); err != nil {
			t.Errorf("an administrator of the server gives it away: %v", err)
		}
	})
}
