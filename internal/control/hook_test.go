package control

import (
	"testing"

	"github.com/hookyard/hookyard"
)

// FuzzHookPatch applies anything to a hook that has a secret: it is changed, or the error can be shown.
func FuzzHookPatch(f *testing.F) {
	for _, seed := range []string{
		`{"url":"http://***@example.com/","secret":"***"}`, `{"headers":{"Authorization":"***"}}`,
		`{"headers":null,"active":null}`, `{"schedule":null,"off":{"policy":"never"}}`, `{"headers":{"*":null}}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := &hookyard.Hook{ID: "h", URL: "http://u:p@example.com/", Active: true,
			Secrets: []hookyard.Secret{{Value: "s3cr3t-value"}}, Headers: map[string]string{"Authorization": "a"}}
		h := *before
		o, err := ParseObject(body)
		var in HookPatch
		if err == nil {
			err = o.Decode(&in)
		}
		if err == nil {
			err = in.apply(&h, before)
		}
		if err != nil {
			if hookyard.CodeOf(err) == "" || err.Error() == "" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		secret, given := in.Secret.Get()
		if given && secret == hookyard.Masked && h.Secrets[0].Value != "s3cr3t-value" {
			t.Fatalf("%q: the secret is %q", body, h.Secrets[0].Value)
		}
		if before.Headers["Authorization"] != "a" {
			t.Fatalf("%q changed the hook that is shared", body)
		}
	})
}
