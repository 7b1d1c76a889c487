package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
)

func newSecretKey(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "secret-key",
		Short: "The key that encrypts secrets in the database (administrators only)",
		Example: `  hookyard secret-key rotate
  hookyard secret-key status`,
	}
	return group(c, newSecretKeyRotate(s), newSecretKeyStatus(s))
}

func newSecretKeyRotate(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "rotate", Short: "Encrypt all secrets with a new key, while the server runs",
		Long: `Encrypt all secrets with a new key, while the server runs. The server makes the key
and puts it into its --secret-key-file, and the key before into that file's .old,
unless there is a new key already. Nodes that read the same file have it at once;
others must be given both files, and are waited for. If the keys are in variables,
restart each node with the new key in HOOKYARD_SECRET_KEY and the present one in
HOOKYARD_SECRET_KEY_OLD first.

An interrupted command or server continues where it was.`,
		Example: "  hookyard secret-key rotate",
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		r, err := cl.RotateKey(c.Context())
		said := ""
		for pause := 50 * time.Millisecond; err == nil && r.Phase != hookyard.RotationDone; pause =
			min(pause*2, time.Second) {
			if text := rotationText(&r); text != said && !s.quiet {
				s.say("%s", text)
				said = text
			}
			if err := sleep(c.Context(), pause); err != nil {
				s.say("the server continues; to see how far it is: hookyard secret-key status")
				return err
			}
			r, err = cl.KeyRotation(c.Context())
		}
		if err != nil {
			return err
		}
		s.say("keep the old key only as long as you keep backups from before")
		return s.showRotation(&r)
	}
	return takes(c, 0, 0)
}

func newSecretKeyStatus(s *session) *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "Show how far the change of the key is, or the last one was"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		r, err := cl.KeyRotation(c.Context())
		if err != nil {
			return err
		}
		return s.showRotation(&r)
	}
	return takes(c, 0, 0)
}

// rotationText says what a rotation is at.
func rotationText(r *hookyard.KeyRotation) string {
	switch r.Phase {
	case hookyard.RotationNone:
		return "the key was never changed"
	case hookyard.RotationWaiting:
		if len(r.WaitingFor) > 0 {
			return "waiting until every node has the new key; it is missing on " + strings.Join(r.WaitingFor, ", ")
		}
		return "waiting until every node has the new key"
	case hookyard.RotationSwitching:
		return "waiting until every node encrypts with the new key"
	case hookyard.RotationSealing:
		return "encrypting what is stored with the new key"
	}
	return "done"
}

func (s *session) showRotation(r *hookyard.KeyRotation) error {
	return s.show(r, func() error {
		fields := []field{{"rotation", string(r.Phase)}, {"status", rotationText(r)}}
		if r.Phase != hookyard.RotationNone {
			fields = append(fields, field{"started", localTime(r.StartedAt)},
				field{"encrypted again", hookyard.Count(int(r.Sealed), "value")})
		}
		if r.Unreadable > 0 {
			fields = append(fields, field{"unreadable", fmt.Sprintf("%s, which no key decrypts",
				hookyard.Count(int(r.Unreadable), "value"))})
		}
		if !r.EndedAt.IsZero() {
			fields = append(fields, field{"ended", localTime(r.EndedAt)})
		}
		return s.card(fields...)
	})
}
