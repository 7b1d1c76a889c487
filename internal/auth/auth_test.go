package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
)

// memory is a store in maps. Tests may change it between calls. mu guards all fields.
type memory struct {
	mu       sync.Mutex
	users    map[int64]*hookyard.User
	tokens   map[string]*hookyard.Token
	sessions map[string]*hookyard.Session
	roles    map[roleKey]hookyard.Role
	totp     *hookyard.TOTP  // everybody's
	recovery map[string]bool // likewise, by hash

	lookups     atomic.Int64 // of tokens and roles
	touches     atomic.Int64
	beforeToken func() // runs at the end of a token lookup
	broken      error  // the error of every lookup
}

func (m *memory) UserByName(_ context.Context, name string) (*hookyard.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	for _, u := range m.users {
		if strings.EqualFold(u.Name, name) {
			out := *u
			return &out, nil
		}
	}
	return nil, hookyard.Errorf(hookyard.NotFound, "no such user")
}

func (m *memory) UserByKey(_ context.Context, key int64) (*hookyard.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u, ok := m.users[key]; ok {
		out := *u
		return &out, nil
	}
	return nil, hookyard.Errorf(hookyard.NotFound, "no such user")
}

func (m *memory) TokenByHash(_ context.Context, hash []byte) (*hookyard.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups.Add(1)
	if m.broken != nil {
		return nil, m.broken
	}
	t, ok := m.tokens[string(hash)]
	if m.beforeToken != nil {
		m.beforeToken()
	}
	if !ok {
		return nil, hookyard.Errorf(hookyard.NotFound, "no such token")
	}
	out := *t
	return &out, nil
}

func (m *memory) SessionByHash(_ context.Context, hash []byte) (*hookyard.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sessions[string(hash)]; ok {
		out := *s
		return &out, nil
	}
	return nil, hookyard.Errorf(hookyard.NotFound, "no such session")
}

func (m *memory) RoleIn(_ context.Context, user, project int64) (hookyard.Role, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups.Add(1)
	if m.broken != nil {
		return "", m.broken
	}
	if r, ok := m.roles[roleKey{user, project}]; ok {
		return r, nil
	}
	return "", hookyard.Errorf(hookyard.NotFound, "no such member")
}

func (m *memory) TouchToken(_ context.Context, key int64, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touches.Add(1)
	for _, t := range m.tokens {
		if t.Key == key {
			t.LastUsedAt = at
		}
	}
	return nil
}

func (m *memory) AuditRefusal(context.Context, string, string, string) error { return nil }

func (m *memory) TOTP(context.Context, int64) (*hookyard.TOTP, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.totp == nil {
		return nil, hookyard.ErrNotFound
	}
	out := *m.totp
	return &out, nil
}

func (m *memory) UseTOTP(_ context.Context, _, step int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if step <= m.totp.Step {
		return hookyard.ErrNotFound
	}
	m.totp.Step = step
	return nil
}

func (m *memory) UseRecoveryCode(_ context.Context, _ int64, hash []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.recovery[string(hash)] {
		return hookyard.ErrNotFound
	}
	delete(m.recovery, string(hash))
	return nil
}

func (m *memory) TouchSession(_ context.Context, hash []byte, seen time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touches.Add(1)
	m.sessions[string(hash)].SeenAt = seen
	return nil
}

const annPassword = "correct horse battery"

// annHash is computed once: hashing is slow, especially under the race detector.
var annHash = sync.OnceValues(func() (string, error) {
	return New(&memory{}, Options{}).HashPassword(context.Background(), annPassword)
})

// setup returns a store with users root (admin), ann and bob, and the secrets of ann's token and session.
func setup(t testing.TB) (m *memory, token, cookie string) {
	t.Helper()
	hash, err := annHash()
	if err != nil {
		t.Fatal(err)
	}
	m = &memory{
		users: map[int64]*hookyard.User{
			1: {Key: 1, Name: "root", Admin: true},
			2: {Key: 2, Name: "ann", PasswordHash: hash},
			3: {Key: 3, Name: "bob", PasswordHash: hash, Disabled: true},
			4: {Key: 4, Name: "eve"},
		},
		tokens: map[string]*hookyard.Token{}, sessions: map[string]*hookyard.Session{},
		roles: map[roleKey]hookyard.Role{},
	}
	now := time.Now()
	token, th := NewToken()
	m.tokens[string(th)] = &hookyard.Token{Key: 7, ID: "tok_1", UserKey: 2, User: "ann", Hash: th,
		Scope: hookyard.ScopeManage, LastUsedAt: now}
	cookie, ch := NewSession()
	m.sessions[string(ch)] = &hookyard.Session{Hash: ch, UserKey: 2, CreatedAt: now, SeenAt: now,
		ExpiresAt: now.Add(SessionLife)}
	return m, token, cookie
}

func request(change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/projects/ann/shop/hooks?after=1", nil)
	change(r)
	return r
}

func withBearer(token string) *http.Request {
	return request(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	m, token, cookie := setup(t)
	bobs, bobHash := NewToken()
	m.tokens[string(bobHash)] = &hookyard.Token{Key: 8, UserKey: 3, Hash: bobHash, Scope: hookyard.ScopeManage}
	orphan, orphanHash := NewToken()
	m.tokens[string(orphanHash)] = &hookyard.Token{Key: 9, UserKey: 99, Hash: orphanHash, Scope: hookyard.ScopeManage}
	header := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	basicAuth := func(name, pw string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, pw) }
	}
	setCookie := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
	}
	query := func(q string) func(*http.Request) { return func(r *http.Request) { r.URL.RawQuery = q } }
	both := func(a, b func(*http.Request)) func(*http.Request) { return func(r *http.Request) { a(r); b(r) } }
	tests := []struct {
		name   string
		change func(*http.Request)
		user   string // "" means refused
		guest  bool
	}{
		{"nothing", func(*http.Request) {}, "guest", true},
		{"bearer", header("Bearer " + token), "ann", false},
		{"bearer, odd case and spaces", header(" bEARER   " + token + " "), "ann", false},
		{"bearer, wrong", header("Bearer " + token + "x"), "", false},
		{"bearer, empty", header("Bearer "), "", false},
		{"bearer, user disabled", header("Bearer " + bobs), "", false},
		{"bearer, user gone", header("Bearer " + orphan), "", false},
		{"two headers", header("Bearer "+token, "Bearer "+token), "", false},
		{"empty header", header(""), "", false},
		{"unknown scheme", header("Digest x"), "", false},
		{"a session is no token", header("Bearer " + cookie), "", false},
		{"basic", basicAuth("ann", annPassword), "ann", false},
		{"basic, name in another case", basicAuth("ANN", annPassword), "ann", false},
		{"basic, wrong password", basicAuth("ann", annPassword+"x"), "", false},
		{"basic, no such user", basicAuth("zoe", annPassword), "", false},
		{"basic, disabled", basicAuth("bob", annPassword), "", false},
		{"basic, user without a password", basicAuth("eve", ""), "", false},
		{"basic, NUL in name", basicAuth("an\x00n", annPassword), "", false},
		{"basic, not base64", header("Basic !!!"), "", false},
		{"basic, no colon", header("Basic YW5u"), "", false},
		{"query", query("a=b&token=" + token), "ann", false},
		{"query, wrong", query("token=x"), "", false},
		{"query, empty", query("token="), "", false},
		{"query, twice", query("token=" + token + "&token=" + token), "", false},
		{"query, malformed", query("a=%zz&token=%zz"), "", false},
		{"query, encoded", query("tok%65n=" + token), "ann", false},
		{"query, another malformed", query("a=%zz&token=" + token), "ann", false},
		{"query, another word", query("page_token=x"), "guest", true},
		{"header before query", both(header("Bearer x"), query("token="+token)), "", false},
		{"session", setCookie(SessionCookie, cookie), "ann", false},
		{"session, wrong", setCookie(SessionCookie, "x"), "", false},
		{"token cookie", setCookie(TokenCookie, token), "ann", false},
		{"token cookie, wrong", setCookie(TokenCookie, "x"), "", false},
		{"session before token cookie", both(setCookie(TokenCookie, "x"), setCookie(SessionCookie, cookie)), "ann",
			false},
		{"another cookie", setCookie("theme", "dark"), "guest", true},
	}
	a := New(m, Options{Guests: true})
	for i, tt := range tests {
		r := request(tt.change)
		r.RemoteAddr = "192.0.2." + string('0'+rune(i%8)) + ":1" // avoids the slowdown by address
		id, err := a.Identify(r)
		switch {
		case tt.user == "":
			if hookyard.CodeOf(err) != hookyard.Unauthenticated {
				t.Errorf("%s: %+v, %v; want Unauthenticated", tt.name, id, err)
			}
		case err != nil || id.User.Name != tt.user || id.Guest != tt.guest:
			t.Errorf("%s: %+v, %v; want %s", tt.name, id, err, tt.user)
		}
	}
}

func TestIdentifyWithoutGuests(t *testing.T) {
	t.Parallel()
	m, _, _ := setup(t)
	_, err := New(m, Options{}).Identify(request(func(*http.Request) {}))
	if hookyard.CodeOf(err) != hookyard.Unauthenticated || err.Error() != "Authentication required" {
		t.Errorf("no credential: %v", err)
	}
	id, err := New(m, Options{Dev: true}).Identify(withBearer("wrong"))
	if err != nil || id.User.Name != "guest" || id.Guest || !id.IsAdmin() {
		t.Errorf("dev: %+v, %v", id, err)
	}
	m.broken = context.DeadlineExceeded
	_, err = New(m, Options{Guests: true}).Identify(withBearer("any"))
	if err == nil || hookyard.CodeOf(err) != "" {
		t.Errorf("a store that fails: %v, want its error and not a refusal", err)
	}
}

func TestTokenIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, token, _ := setup(t)
		a := New(m, Options{})
		look := func(want int64, ok bool) {
			t.Helper()
			if _, err := a.Identify(withBearer(token)); (err == nil) != ok {
				t.Errorf("Identify: %v, want ok %v", err, ok)
			}
			if n := m.lookups.Load(); n != want {
				t.Errorf("%d lookups, want %d", n, want)
			}
		}
		look(1, true)
		look(1, true)
		time.Sleep(tokenLife)
		look(2, true)
		clear(m.tokens)
		look(2, true)
		a.Forget()
		look(3, false)
		look(4, false)
	})
}

// A lookup that read the row before a change must not be cached after it.
func TestForgetDuringLookup(t *testing.T) {
	t.Parallel()
	m, token, _ := setup(t)
	a := New(m, Options{})
	m.beforeToken = a.Forget
	for range 2 {
		if _, err := a.Identify(withBearer(token)); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.lookups.Load(); n != 2 {
		t.Errorf("%d lookups, want 2: the first was out of date", n)
	}
}

func TestTokenExpiresAndIsTouched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, token, _ := setup(t)
		for _, tok := range m.tokens {
			tok.ExpiresAt = time.Now().Add(10*time.Minute + 2*time.Second)
		}
		a := New(m, Options{})
		begin := time.Now()
		for time.Since(begin) < 10*time.Minute+2*time.Second {
			if _, err := a.Identify(withBearer(token)); err != nil {
				t.Fatalf("after %s: %v", time.Since(begin), err)
			}
			time.Sleep(time.Second)
		}
		if n := m.touches.Load(); n < 8 || n > 10 {
			t.Errorf("touched %d times in ten minutes, want about one a minute", n)
		}
		_, err := a.Identify(withBearer(token))
		if hookyard.CodeOf(err) != hookyard.Unauthenticated || !strings.Contains(err.Error(), "expired at") {
			t.Errorf("expired while remembered: %v", err)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	tests := []struct {
		name  string
		every time.Duration // between two requests
		until time.Duration // the session ends here
	}{
		{"used daily", day, 89 * day},
		{"used every 30 days less an hour", 30*day - time.Hour, 89*day + 21*time.Hour},
		{"left alone", 30 * day, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, _, cookie := setup(t)
				a := New(m, Options{})
				begin := time.Now()
				var last time.Duration
				for {
					at := time.Since(begin)
					_, err := a.Identify(request(func(r *http.Request) {
						r.AddCookie(&http.Cookie{Name: SessionCookie,
							Value: cookie})
					}))
					if err != nil {
						if hookyard.CodeOf(err) != hookyard.Unauthenticated {
							t.Fatal(err)
						}
						break
					}
					last = at
					time.Sleep(tt.every)
				}
				if last != tt.until {
					t.Errorf("worked until %s, want %s", last, tt.until)
				}
			})
		})
	}
}

func TestSessionIsTouchedOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _, cookie := setup(t)
		a := New(m, Options{})
		for range 181 {
			id, err := a.Identify(request(func(r *http.Request) {
				r.AddCookie(&http.Cookie{Name: SessionCookie,
					Value: cookie})
			}))
			if err != nil || id.Session == nil {
				t.Fatal(id, err)
			}
			time.Sleep(time.Second)
		}
		if n := m.touches.Load(); n != 3 {
			t.Errorf("touched %d times in three minutes, want 3", n)
		}
	})
}

func TestContext(t *testing.T) {
	t.Parallel()
	id := guestIdentity()
	if got := From(With(t.Context(), id)); got != id {
		t.Errorf("From = %v", got)
	}
	if got := From(t.Context()); got != nil {
		t.Errorf("From an empty context = %v, want nil", got)
	}
}

func BenchmarkBearer(b *testing.B) {
	m, token, _ := setup(b)
	a, r := New(m, Options{}), withBearer(token)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Identify(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBearerAndMayPublish(b *testing.B) {
	m, token, _ := setup(b)
	m.roles[roleKey{2, 5}] = hookyard.RoleWrite
	a := New(m, Options{})
	r := withBearer(token)
	p := &hookyard.Project{Key: 5, Owner: "root", Name: "shop"}
	b.ReportAllocs()
	for b.Loop() {
		id, err := a.Identify(r)
		if err != nil {
			b.Fatal(err)
		}
		if ok, err := a.MayPublish(b.Context(), id, p); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
