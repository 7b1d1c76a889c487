package auth

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/hookyard/hookyard"
)

func TestHashPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ password, want string }{
		{"short", "has 5 characters, at least 10"},
		{"äöüäöüäöü", "has 9 characters, at least 10"},
		{strings.Repeat("ä", 201), "has 201 characters, at most 200"},
		{"          ", "spaces only"},
		{"0123456789\xff", "not valid UTF-8"},
	}
	a := New(&memory{}, Options{})
	for _, tt := range tests {
		_, err := a.HashPassword(t.Context(), tt.password)
		if hookyard.CodeOf(err) != hookyard.Invalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("HashPassword(%.20q) = %v, want %s", tt.password, err, tt.want)
		}
	}
	long := strings.Repeat("ä", 200)
	hash, err := a.HashPassword(t.Context(), long)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("HashPassword = %s, %v", hash, err)
	}
	for _, tt := range []struct {
		hash, password string
		want           bool
	}{{hash, long, true}, {hash, long + "ä", false}, {hash, long[2:], false}, {"", "", false}} {
		if ok, err := checkPassword(tt.hash, tt.password); ok != tt.want || err != nil {
			t.Errorf("checkPassword(%.20q, %.20q) = %v, %v; want %v", tt.hash, tt.password, ok, err, tt.want)
		}
	}
	if _, err := checkPassword("damaged", long); err == nil {
		t.Error("a damaged hash must be an error")
	}
}

// The dummy hash must cost as much as a real one.
func TestNobody(t *testing.T) {
	t.Parallel()
	p, salt, key, err := argon2id.DecodeHash(dummyHash)
	if err != nil || *p != *parameters() || len(salt) != 16 || len(key) != 32 {
		t.Errorf("dummy hash: %+v, salt %d, key %d, %v", p, len(salt), len(key), err)
	}
}

func TestTokensAndSessions(t *testing.T) {
	t.Parallel()
	token, hash := NewToken()
	if len(token) != 4+52 || !strings.HasPrefix(token, "hky_") || string(hash) != string(HashToken(token)) ||
		len(hash) != 32 {
		t.Errorf("NewToken = %s, %x", token, hash)
	}
	cookie, chash := NewSession()
	if len(cookie) != 43 || string(chash) != string(HashToken(cookie)) {
		t.Errorf("NewSession = %s, %x", cookie, chash)
	}
	if again, _ := NewToken(); again == token {
		t.Error("two tokens are the same")
	}
}

func TestSignInSlowsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _, _ := setup(t)
		a := New(m, Options{})
		sign := func(name, password, from string) error {
			_, err := a.SignIn(t.Context(), SignInRequest{Name: name, Password: password, Remote: from})
			return err
		}
		if err := sign("ann", annPassword, "192.0.2.1:5"); err != nil {
			t.Fatal(err)
		}
		for i := range 6 { // five are free
			if err := sign("Ann", "wrong password",
				fmt.Sprintf("198.51.100.%d:1", i)); hookyard.CodeOf(err) != hookyard.Unauthenticated {
				t.Fatalf("failure %d: %v", i, err)
			}
		}
		err := sign("ann", "wrong password", "203.0.113.1:1")
		if hookyard.CodeOf(err) != hookyard.TooMany ||
			!strings.Contains(err.Error(), "for this name: try again in 1 s") {
			t.Errorf("the seventh: %v", err)
		}
		if err := sign("ann", annPassword, "192.0.2.1:5"); err != nil {
			t.Errorf("a recently verified password must be accepted at once: %v", err)
		}
		time.Sleep(time.Second)
		if err := sign("ann", "wrong password", "203.0.113.1:1"); hookyard.CodeOf(err) != hookyard.Unauthenticated {
			t.Errorf("after the wait: %v", err)
		}
		if err := sign("ann", "wrong password", "203.0.113.1:1"); err == nil ||
			!strings.Contains(err.Error(), "in 2 s") {
			t.Errorf("the wait must double: %v", err)
		}
		time.Sleep(passwordLife + time.Second)
		if err := sign("ann", annPassword, "203.0.113.1:1"); err != nil {
			t.Errorf("the right password after the wait: %v", err)
		}
		if err := sign("ann", "wrong password", "203.0.113.1:1"); hookyard.CodeOf(err) != hookyard.Unauthenticated {
			t.Errorf("success must reset the name: %v", err)
		}
	})
}

// annSignsIn is a sign-in of ann with her password.
var annSignsIn = SignInRequest{Name: "ann", Password: annPassword, Remote: "192.0.2.1"}

// TestDevice lets strangers guess ann's password a thousand times, also from her own address. She can sign in from the
// browser in which she has signed in before. Whoever takes its cookie is slowed down as she would be.
func TestDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _, _ := setup(t)
		a := New(m, Options{})
		try := func(r SignInRequest) hookyard.Code {
			_, err := a.SignIn(t.Context(), r)
			return hookyard.CodeOf(err)
		}
		cookie := NewDevice(m.users[2], time.Now())
		stolen := NewDevice(m.users[2], time.Now())
		for i := range 1000 {
			r := annSignsIn
			r.Password = "wrong password"
			if i%2 == 0 {
				r.Remote = fmt.Sprintf("198.51.100.%d", i/4)
			}
			if code := try(r); code != hookyard.Unauthenticated && code != hookyard.TooMany {
				t.Fatalf("guess %d: %s", i, code)
			}
		}
		if code := try(annSignsIn); code != hookyard.TooMany {
			t.Fatalf("the name is not slowed down: %q", code)
		}
		mine := annSignsIn
		mine.Device = cookie
		if code := try(mine); code != "" {
			t.Fatalf("the user is kept out: %q", code)
		}
		time.Sleep(passwordLife + time.Second)
		tried := 0
		for range 1000 {
			thief := SignInRequest{Name: "ann", Password: "wrong password", Remote: "203.0.113.1", Device: stolen}
			if try(thief) == hookyard.Unauthenticated {
				tried++
			}
		}
		if tried > 6 {
			t.Errorf("a stolen cookie is good for %d guesses at once", tried)
		}
		if code := try(mine); code != "" {
			t.Errorf("the thief's guesses keep the user out: %q", code)
		}
	})
}

// TestDeviceIsBound changes what a cookie of a device depends on.
func TestDeviceIsBound(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	ann := &hookyard.User{Key: 2, PasswordHash: "hash"}
	cookie := NewDevice(ann, now)
	if len(deviceOf(ann, cookie, now.Add(DeviceLife-time.Second))) != deviceID {
		t.Error("the cookie is not recognized")
	}
	if deviceOf(ann, cookie, now.Add(DeviceLife)) != "" {
		t.Error("the cookie does not expire")
	}
	for _, u := range []*hookyard.User{{Key: 3, PasswordHash: "hash"}, {Key: 2, PasswordHash: "changed"}, {Key: 2}} {
		if deviceOf(u, cookie, now) != "" {
			t.Errorf("the cookie is recognized for %+v", u)
		}
	}
	for i := range cookie {
		damaged := []byte(cookie)
		if damaged[i]++; deviceOf(ann, string(damaged), now) != "" && i < len(cookie)-1 {
			t.Errorf("the cookie is recognized with a change at %d", i)
		}
	}
	if NewDevice(&hookyard.User{Key: 2}, now) != "" {
		t.Error("a user without a password has a device")
	}
}

func TestSignInSeesChanges(t *testing.T) {
	t.Parallel()
	m, _, _ := setup(t)
	a := New(m, Options{})
	sign := func() error {
		_, err := a.SignIn(t.Context(), annSignsIn)
		return err
	}
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	m.users[2].Disabled = true
	if err := sign(); hookyard.CodeOf(err) != hookyard.Unauthenticated {
		t.Errorf("disabled since: %v", err)
	}
	m.users[2].Disabled = false
	m.users[2].PasswordHash, _ = a.HashPassword(t.Context(), "another password")
	if err := sign(); hookyard.CodeOf(err) != hookyard.Unauthenticated {
		t.Errorf("changed since, by another node: %v", err)
	}
}

func TestSignInIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _, _ := setup(t)
		a := New(m, Options{})
		for range maxComputing {
			a.computing <- struct{}{}
		}
		begin := time.Now()
		_, err := a.SignIn(t.Context(), annSignsIn)
		if hookyard.CodeOf(err) != hookyard.TooMany || time.Since(begin) != maxWaiting {
			t.Errorf("all slots taken: %v after %s", err, time.Since(begin))
		}
		// New passwords take the same slots.
		begin = time.Now()
		if _, err := a.HashPassword(t.Context(), annPassword); hookyard.CodeOf(err) != hookyard.TooMany ||
			time.Since(begin) != maxWaiting {
			t.Errorf("all slots taken, a new password: %v after %s", err, time.Since(begin))
		}
		// Sixteen clients with one password compute the hash once or twice if they all wait for a slot.
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := a.SignIn(t.Context(), annSignsIn); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for range maxComputing {
			<-a.computing
		}
		wg.Wait()
	})
}

func TestSlowdown(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	s := newSlowdown(2, 10*time.Second)
	for i, want := range []time.Duration{0, 0, 1, 2, 4, 8, 10, 10} {
		s.failed("k", now)
		if wait := max(s.until("k").Sub(now), 0); wait != want*time.Second {
			t.Errorf("failure %d: wait %s, want %ds", i+1, wait, want)
		}
	}
	s.failed("k", now.Add(slowDecay+time.Second))
	if !s.until("k").IsZero() {
		t.Error("an hour later it must start from the beginning")
	}
	for range 100 {
		s.failed("guessed", now)
	}
	for i := range 3 * maxSlow {
		s.failed(fmt.Sprint(i), now)
	}
	if len(s.keys) != maxSlow {
		t.Errorf("%d keys, want %d", len(s.keys), maxSlow)
	}
	if s.until("guessed").IsZero() {
		t.Error("a flood of names displaced the one under attack")
	}
	s.failed("", now)
	if len(s.keys) > maxSlow || s.keys[""].count != 0 {
		t.Error("the empty key must not be counted")
	}
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "192.0.2.1": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80": "fe80::/64", "@": "", "": "", "host:80": "",
	} {
		if got := addressKey(remote); got != want {
			t.Errorf("addressKey(%q) = %q, want %q", remote, got, want)
		}
	}
}

func BenchmarkBasicWarm(b *testing.B) {
	m, _, _ := setup(b)
	a := New(m, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.SignIn(b.Context(), annSignsIn); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckPassword(b *testing.B) {
	hash, err := annHash()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, err := checkPassword(hash, annPassword); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
