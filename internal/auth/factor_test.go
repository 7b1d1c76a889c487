package auth

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/hotp"

	"github.com/hookyard/hookyard"
)

// TestTOTPVectors holds the codes to the vectors of RFC 6238, appendix B, of which the last six digits count here.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		secret := []byte("12345678901234567890")
		step, ok := TOTPStep(secret, code, time.Unix(at, 0))
		if !ok || step != at/30 {
			t.Errorf("at %d: step %d, %t; want %d", at, step, ok, at/30)
		}
		for later, want := range map[int64]bool{30: true, -30: true, 90: false, -90: false} {
			if _, ok := TOTPStep(secret, code[:3]+" "+code[3:], time.Unix(at+later, 0)); ok != want {
				t.Errorf("at %d, %d s away: %t, want %t", at, later, ok, want)
			}
		}
	}
}

// factored returns ann with an authenticator app, and what makes its codes.
func factored(t *testing.T) (m *memory, ann *hookyard.User, code func() string) {
	t.Helper()
	m, _, _ = setup(t)
	m.totp = &hookyard.TOTP{Secret: NewTOTPSecret()}
	ann = m.users[2]
	ann.SecondFactor = true
	return m, ann, func() string {
		c, err := hotp.GenerateCode(EncodeTOTPSecret(m.totp.Secret), uint64(time.Now().Unix()/totpPeriod))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// TestCodeIsGoodOnce gives each code twice, and one at the same moment in many places.
func TestCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, ann, code := factored(t)
		a := New(m, Options{})
		check := func(code string) hookyard.Code {
			return hookyard.CodeOf(a.CheckCode(t.Context(), ann, CodeRequest{Code: code, Remote: "192.0.2.1"}))
		}
		first := code()
		if got := check(first[:3] + " " + first[3:]); got != "" {
			t.Fatalf("a good code: %s", got)
		}
		if got := check(first); got != hookyard.Unauthenticated {
			t.Errorf("the same code again: %s", got)
		}
		time.Sleep(totpPeriod * time.Second)
		if got := check(first); got != hookyard.Unauthenticated {
			t.Errorf("the code of a step before: %s", got)
		}
		var good atomic.Int64
		var all sync.WaitGroup
		second := code()
		for range 4 {
			all.Go(func() {
				if check(second) == "" {
					good.Add(1)
				}
			})
		}
		all.Wait()
		if n := good.Load(); n != 1 {
			t.Errorf("one code was good %d times", n)
		}

		codes, hashes := NewRecoveryCodes()
		m.recovery = map[string]bool{}
		for _, h := range hashes {
			m.recovery[string(h)] = true
		}
		time.Sleep(time.Hour)
		if got := check(strings.ToUpper(strings.ReplaceAll(codes[3], "0", "O"))); got != "" {
			t.Errorf("a recovery code as people write it: %s", got)
		}
		if got := check(codes[3]); got != hookyard.Unauthenticated {
			t.Errorf("a recovery code again: %s", got)
		}
	})
}

// TestCodesAreThrottled lets somebody who knows the password guess codes, in parallel, with the right password between
// the guesses. A device of the user is not slowed down by it.
func TestCodesAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, ann, code := factored(t)
		a := New(m, Options{})
		device := NewDevice(ann, time.Now())
		var tried atomic.Int64
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				_, _ = a.SignIn(t.Context(), annSignsIn)
				r := CodeRequest{Code: fmt.Sprintf("%06d", i), Remote: fmt.Sprintf("198.51.100.%d", i)}
				if hookyard.CodeOf(a.CheckCode(t.Context(), ann, r)) == hookyard.Unauthenticated {
					tried.Add(1)
				}
			})
		}
		all.Wait()
		if n := tried.Load(); n < 5 || n > 8 {
			t.Errorf("%d of 200 guesses were tried, want about 6", n)
		}
		if err := a.CheckCode(t.Context(), ann, CodeRequest{Code: code(),
			Remote: "203.0.113.9"}); hookyard.CodeOf(err) != hookyard.TooMany ||
			!strings.Contains(err.Error(), "for this user") {
			t.Errorf("the right code during the wait: %v", err)
		}
		if err := a.CheckCode(t.Context(), ann, CodeRequest{Code: code(), Device: device}); err != nil {
			t.Errorf("the right code from the user's browser: %v", err)
		}
		time.Sleep(time.Hour)
		if err := a.CheckCode(t.Context(), ann, CodeRequest{Code: code(), Remote: "203.0.113.9"}); err != nil {
			t.Errorf("the right code after the wait: %v", err)
		}
	})
}

// TestStep takes cookies of the second step that are old, changed, another user's, or from before the password changed.
func TestStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, ann, _ := factored(t)
		a := New(m, Options{})
		good := NewStep(ann, time.Now())
		bob := *ann
		bob.Key = 3
		for what, cookie := range map[string]string{"none": "", "short": good[:20], "changed": "B" + good[1:],
			"of a device": NewDevice(ann, time.Now()), "of a disabled user": NewStep(&bob, time.Now())} {
			if u, err := a.StepUser(t.Context(), cookie); hookyard.CodeOf(err) != hookyard.Unauthenticated {
				t.Errorf("a cookie that is %s: %v, %v", what, u, err)
			}
		}
		if u, err := a.StepUser(t.Context(), good); err != nil || u.Key != ann.Key {
			t.Errorf("a good cookie: %v, %v", u, err)
		}
		time.Sleep(StepLife)
		if _, err := a.StepUser(t.Context(), good); hookyard.CodeOf(err) != hookyard.Unauthenticated {
			t.Errorf("a cookie after its time: %v", err)
		}
		good = NewStep(ann, time.Now())
		m.users[2].PasswordHash += "x"
		if _, err := a.StepUser(t.Context(), good); hookyard.CodeOf(err) != hookyard.Unauthenticated {
			t.Errorf("a cookie from before the password changed: %v", err)
		}
	})
}

// TestFactorIsRequired holds which callers may do nothing before they set up a second factor.
func TestFactorIsRequired(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy   hookyard.FactorPolicy
		admin    bool
		factor   bool
		provider bool // the session was begun by the provider
		session  error
		basic    bool // Basic works
	}{
		{policy: hookyard.FactorOptional, admin: true, basic: true},
		{policy: hookyard.FactorOptional, factor: true},
		{policy: hookyard.FactorForAdmins, basic: true},
		{policy: hookyard.FactorForAdmins, admin: true, session: ErrFactorMissing},
		{policy: hookyard.FactorForAdmins, admin: true, factor: true},
		{policy: hookyard.FactorForAdmins, admin: true, provider: true},
		{policy: hookyard.FactorForAll, session: ErrFactorMissing},
		{policy: hookyard.FactorForAll, factor: true},
	} {
		m, token, cookie := setup(t)
		ann := m.users[2]
		ann.Admin, ann.SecondFactor = tt.admin, tt.factor
		for _, s := range m.sessions {
			if tt.provider {
				s.Means = hookyard.MeansProvider
			}
		}
		a := New(m, Options{RequireFactor: tt.policy})
		id, err := a.Identify(request(func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: SessionCookie, Value: cookie})
		}))
		if err != tt.session || id == nil {
			t.Errorf("%+v: a session is %v, %v", tt, id, err)
		}
		if _, err := a.Identify(withBearer(token)); err != nil {
			t.Errorf("%+v: a token: %v", tt, err)
		}
		_, err = a.Identify(request(func(r *http.Request) { r.SetBasicAuth("ann", annPassword) }))
		if (err == nil) != tt.basic || err != nil && !strings.Contains(err.Error(), "use a token") {
			t.Errorf("%+v: Basic: %v", tt, err)
		}
	}
}
