package hookyard

import "time"

// Masked replaces secrets in output.
const Masked = "***"

// Secret is a secret of a hook, to sign with, or of a source, to verify with. It prints and marshals as [Masked].
type Secret struct {
	Value   string    // as the user entered it: any text, whsec_…, whsk_… (ed25519 private) or whpk_… (ed25519 public)
	Expires time.Time // after a rotation, when the old secret ends; zero means never
}

// String returns [Masked], so that logs never contain a secret.
func (Secret) String() string { return Masked }

// MarshalJSON encodes s as [Masked].
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Masked + `"`), nil }

// Live returns the values of the secrets that have not expired at now, newest first.
func Live(secrets []Secret, now time.Time) []string {
	out := make([]string, 0, len(secrets))
	for _, s := range secrets {
		if s.Value != "" && (s.Expires.IsZero() || now.Before(s.Expires)) {
			out = append(out, s.Value)
		}
	}
	return out
}

// MaxSecrets is how many secrets of a hook sign at the same time: the current one and those being rotated out.
const MaxSecrets = 11

// Rotate returns secrets with value in front. The earlier ones stay valid until now+overlap at the latest; with a zero
// overlap, for a compromised secret, they are dropped. So are the oldest beyond [MaxSecrets].
func Rotate(secrets []Secret, value string, overlap time.Duration, now time.Time) []Secret {
	out := []Secret{{Value: value}}
	if overlap <= 0 {
		return out
	}
	until := now.Add(overlap)
	for _, s := range secrets {
		if !s.Expires.IsZero() && !now.Before(s.Expires) || s.Value == value || s.Value == "" {
			continue
		}
		if s.Expires.IsZero() || s.Expires.After(until) {
			s.Expires = until
		}
		if out = append(out, s); len(out) == MaxSecrets {
			break
		}
	}
	return out
}
