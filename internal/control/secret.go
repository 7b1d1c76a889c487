package control

import (
	"encoding/json"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/signature"
)

// How long an old secret stays good beside a new one.
const (
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
)

// Rotation asks for a new secret.
type Rotation struct {
	Secret  string                      `json:"secret"`  // empty: hookyard makes one
	Overlap Optional[hookyard.Duration] `json:"overlap"` // how long the old one stays good; 24h unless given
}

// settle returns the secret to set and how long the old ones stay good.
func (in *Rotation) settle(limits hookyard.Limits) (secret string, overlap time.Duration, err error) {
	given := hookyard.Duration(defaultOverlap)
	in.Overlap.SetTo(&given)
	if overlap = time.Duration(given); overlap < 0 || overlap > maxOverlap {
		return "", 0, hookyard.FieldErrorf("overlap", "overlap must be between 0s and 720h")
	}
	switch in.Secret {
	case hookyard.Masked:
		return "", 0, hookyard.FieldErrorf("secret",
			"*** stands where a secret is hidden: give the secret itself, or none to have one made")
	case "":
		return signature.NewSecret(), overlap, nil
	}
	if err := hookyard.CheckSecret(in.Secret, limits); err != nil {
		return "", 0, err
	}
	return in.Secret, overlap, nil
}

// checkEntered refuses a secret that was just entered for a source of a type, or for a hook, which has none, and cannot
// be what was meant.
func checkEntered(field, secret, sourceType string, scheme json.RawMessage) error {
	parsed, err := signature.ParseScheme(scheme)
	if err != nil {
		parsed = nil // CheckSource says what is wrong
	}
	if err := signature.CheckEntered(sourceType, secret, parsed); err != nil {
		return hookyard.FieldErrorf(field, "%v", err)
	}
	return nil
}
