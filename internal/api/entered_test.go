package api_test

import (
	"net/http"
	"testing"

	"github.com/hookyard/hookyard/client"
)

// TestEnteredSecrets holds that a secret which cannot be what was meant is refused at each door, with its field.
func TestEnteredSecrets(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	ctx := t.Context()
	p := b.project("p", client.ProjectPatch{})
	b.hook(p, "h", "http://127.0.0.1:1/")
	github := client.SourcePatch{Type: new("github"), Secret: new("top")}
	if _, _, err := b.alice.PutSource(ctx, p, "s", github); err != nil {
		t.Fatal(err)
	}
	const key = "MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY="
	for _, secret := range []string{"   ", "top ", " top", "top\u00a0", "v1,whsec_" + key,
		"whsec_" + key + " whsec_" + key} {
		_, err := b.alice.PutHook(ctx, p, "new", client.HookPatch{URL: new("http://127.0.0.1:1/"), Secret: new(secret)})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
		_, err = b.alice.PatchHook(ctx, p, "h", client.HookPatch{Secret: new(secret)})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
		_, err = b.alice.RotateHookSecret(ctx, p, "h", client.Rotation{Secret: secret})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
		_, _, err = b.alice.PutSource(ctx, p, "new", client.SourcePatch{Type: new("github"), Secret: new(secret)})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
		_, err = b.alice.PatchSource(ctx, p, "s", client.SourcePatch{Secrets: &[]string{"***", secret}})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
		_, err = b.alice.RotateSourceSecret(ctx, p, "s", client.Rotation{Secret: secret})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
		_, err = b.alice.PatchProject(ctx, p, client.ProjectPatch{RelaySecret: new(secret)})
		wantStatus(t, err, http.StatusBadRequest, "the secret")
	}
	_, _, err := b.alice.PutSource(ctx, p, "new", client.SourcePatch{Type: new("openai"), Secret: new(key)})
	wantStatus(t, err, http.StatusBadRequest, "whsec_ in front")
}

// TestMovedHook holds that a hook takes its secret and headers to another host only if they are given again.
func TestMovedHook(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	ctx := t.Context()
	p := b.project("p", client.ProjectPatch{})
	const here, there = "http://127.0.0.1:1/a", "http://127.0.0.1:2/a"
	_, err := b.alice.PutHook(ctx, p, "h", client.HookPatch{URL: new(here), Secret: new("top"),
		Headers: map[string]*string{"X-Key": new("k")}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.alice.PatchHook(ctx, p, "h", client.HookPatch{URL: new(there)})
	wantStatus(t, err, http.StatusBadRequest, "give the secret again")
	_, err = b.alice.PatchHook(ctx, p, "h", client.HookPatch{URL: new(there), Secret: new("***")})
	wantStatus(t, err, http.StatusBadRequest, "give the secret again")
	_, err = b.alice.PatchHook(ctx, p, "h", client.HookPatch{URL: new(there), Secret: new("other")})
	wantStatus(t, err, http.StatusBadRequest, "X-Key")
	for _, patch := range []client.HookPatch{
		{URL: new("http://127.0.0.1:1/b")},
		{URL: new(there), Secret: new("other"), Headers: map[string]*string{"X-Key": new("other")}},
		{URL: new(here), Secret: new(""), Headers: map[string]*string{"X-Key": nil}},
		{URL: new(there)},
	} {
		if _, err := b.alice.PatchHook(ctx, p, "h", patch); err != nil {
			t.Error(err)
		}
	}
}
