package hookyard

import "time"

// Masked stands where a secret would be.
const Masked = "***"

// Secret is one signing secret of a hook or a verifying secret of a source. It prints and marshals as ***.
type Secret struct {
	Value   string    // as the user gave it: any text, whsec_…, whsk_… (ed25519 private) or whpk_… (ed25519 public)
	Expires time.Time // zero: does not. After a rotation the old secret signs along until then
}

// String returns ***, so that a secret does not slip into a log.
func (Secret) String() string { return Masked }

// MarshalJSON writes "***".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Masked + `"`), nil }

// Live returns the values of the secrets that have not expired at now, the newest first.
func Live(secrets []Secret, now time.Time) []string {
	out := make([]string, 0, len(secrets))
	for _, s := range secrets {
		if s.Value != "" && (s.Expires.IsZero() || now.Before(s.Expires)) {
			out = append(out, s.Value)
		}
	}
	return out
}

// MaxSecrets is how many secrets of one hook may sign at the same time: the current one and those being rotated out.
const MaxSecrets = 5

// Rotate puts value first and lets the earlier secrets sign along until now+overlap; a zero overlap drops them at once
// (a compromised secret). The oldest go when there are more than [MaxSecrets].
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
