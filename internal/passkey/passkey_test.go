package passkey

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for baseURL, want := range map[string]bool{
		"https://hooks.example.com":       true,
		"https://example.com:8443/hooks":  true,
		"http://localhost:8080":           true,
		"http://hooks.example.com":        false,
		"http://127.0.0.1:8080":           false,
		"https://192.0.2.1":               false,
		"https://[2001:db8::1]:8443/path": false,
	} {
		p, err := New(baseURL)
		if err != nil || (p != nil) != want {
			t.Errorf("%s: %v, %v; want passkeys: %t", baseURL, p, err, want)
		}
	}
}

// FuzzAnswer sends answers that no browser gives.
func FuzzAnswer(f *testing.F) {
	p, err := New("https://hooks.example.com")
	if err != nil {
		f.Fatal(err)
	}
	ann := &hookyard.User{Key: 1, Name: "ann", CreatedAt: time.Unix(1, 0)}
	_, begun, err := p.BeginSignIn(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30",` +
		`"authenticatorData":"AA","signature":"AA","userHandle":"AA","attestationObject":"oA"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := CredentialOf(answer); err != nil && hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("credential: %v", err)
		}
		if _, err := p.FinishSignIn(ann, nil, begun, answer); hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("sign-in: %v", err)
		}
		if _, err := p.FinishRegistration(ann, begun, answer); hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("registration: %v", err)
		}
	})
}
