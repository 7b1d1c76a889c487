package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newHookTest(s *session) *cobra.Command {
	var eventType string
	c := &cobra.Command{
		Use: "test [PROJECT] HOOKID", Short: "Send a test event to a hook and show the response",
		Long: `Send an event of type test, or with --type the example of a type of the owner's
catalogue, to one hook and show the receiver's response. The exit code is 6
unless the receiver accepted the event.`,
		Example: `  hookyard hook test billing -p shop/orders
  hookyard hook test billing --type order.created -p shop/orders`,
	}
	c.Flags().StringVar(&eventType, "type", "", "send the example of this event type of the catalogue")
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		send := t.client.TestHook
		if eventType != "" {
			send = func(ctx context.Context, project, id string) (client.HookTest, error) {
				return t.client.SendExample(ctx, project, id, eventType)
			}
		}
		test, err := send(ctx, t.project, t.args[0])
		if err != nil {
			return err
		}
		d, err := firstAttempt(ctx, t.client, t.project, test.DeliveryID)
		if err != nil {
			return err
		}
		if err := s.show(d, func() error { return s.showDelivery(&d) }); err != nil {
			return err
		}
		if d.State != hookyard.Delivered {
			return failf(exitNotAccepted, "hook %s did not accept the test event", t.args[0])
		}
		return nil
	})
}

// firstAttempt waits until a delivery has had an attempt or has ended without one.
func firstAttempt(ctx context.Context, cl *client.Client, project, id string) (client.Delivery, error) {
	for pause := 20 * time.Millisecond; ; pause = min(pause*3/2, time.Second) {
		d, err := cl.Delivery(ctx, project, id)
		if err != nil || d.State != hookyard.Pending || d.Attempts > 0 {
			return d, err
		}
		if err := sleep(ctx, pause); err != nil {
			return d, err
		}
	}
}

// rotation holds the flags of rotate-secret.
type rotation struct {
	secret  string
	overlap time.Duration
}

func (r *rotation) command(use, short, example string) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: example}
	c.Long = short + ". The old one stays valid for --overlap. The new one is printed now and never shown again."
	c.Flags().StringVar(&r.secret, "secret", "", "the new secret (default: generated)"+secretUsage)
	r.overlap = 24 * time.Hour
	c.Flags().Var((*hookyard.Duration)(&r.overlap), "overlap",
		"how long the old secret stays valid; 0s if it leaked")
	return c
}

func (r *rotation) request(c *cobra.Command, s *session) (client.Rotation, error) {
	secret, err := s.readSecret(r.secret)
	return client.Rotation{Secret: secret, Overlap: changed(c.Flags(), "overlap", hookyard.Duration(r.overlap))}, err
}

// showSecret prints a new secret on stdout and nothing else, for use in scripts.
func (s *session) showSecret(n client.NewSecret) error {
	return s.show(n, func() error {
		_, err := fmt.Fprintln(s.out, n.Secret)
		return err
	})
}

func newHookRotate(s *session) *cobra.Command {
	var r rotation
	c := r.command("rotate-secret [PROJECT] HOOKID", "Give a hook a new secret",
		"  hookyard hook rotate-secret billing -p shop/orders")
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		request, err := r.request(c, s)
		if err != nil {
			return err
		}
		n, err := t.client.RotateHookSecret(ctx, t.project, t.args[0], request)
		if err != nil {
			return err
		}
		return s.showSecret(n)
	})
}

func newHookEnable(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "enable [PROJECT] HOOKID", Short: "Enable a hook and reset its failures",
		Example: "  hookyard hook enable billing -p shop/orders",
	}
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		h, err := t.client.EnableHook(ctx, t.project, t.args[0])
		if err != nil {
			return err
		}
		return s.showHook(t, h)
	})
}

func newHookDisable(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "disable [PROJECT] HOOKID", Short: "Disable a hook; its events are recorded as skipped",
		Example: "  hookyard hook disable billing -p shop/orders",
	}
	return s.hookCommand(c, 1, 1, func(ctx context.Context, t hookTarget) error {
		h, err := t.client.PatchHook(ctx, t.project, t.args[0], client.HookPatch{Active: new(false)})
		if err != nil {
			return err
		}
		return s.showHook(t, h)
	})
}
