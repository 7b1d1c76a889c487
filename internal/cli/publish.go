package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// publishers is the number of concurrent requests of publish --count.
const publishers = 16

type publishFlags struct {
	data     string
	id       string
	key      string
	channels []string
	count    int
	rate     float64
	wait     bool
}

func newPublish(s *session) *cobra.Command {
	var f publishFlags
	c := &cobra.Command{
		Use:   "publish TYPE",
		Short: "Publish an event",
		Long: `Publish an event. When the command succeeds the event is stored, and it will be
sent to every hook that selects it.

With --wait the command waits until every delivery has ended, and exits with
code 6 unless all succeeded. It waits for a minute, or for --timeout; deliveries
that are still pending then continue in the background.`,
		Example: `  hookyard publish order.created -d '{"id": 7}' -p shop/orders
  hookyard publish order.created -d @order.json --wait
  jq -c .order dump.json | hookyard publish order.created -d -
  hookyard publish load.test --count 10000 --rate 500`,
	}
	fs := c.Flags()
	fs.StringVarP(&f.data, "data", "d", "{}", "data of the event: JSON, @file, or - for stdin")
	fs.StringVar(&f.id, "id", "", "your own id for the event; an event with a used id is a duplicate and is not stored")
	fs.StringSliceVar(&f.channels, "channel", nil, "channel of the event, by which hooks select, too (repeatable)")
	fs.StringVar(&f.key, "idempotency-key", "", "key of this request; a request with a used key is a duplicate, too")
	fs.IntVar(&f.count, "count", 1, "number of times to publish it")
	fs.Float64Var(&f.rate, "rate", 0, "with --count: events per second; 0: no limit")
	fs.BoolVar(&f.wait, "wait", false, "wait until every delivery has ended")
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.publish(c.Context(), args[0], &f)
	}
	return takes(c, 1, 1)
}

func (s *session) publish(ctx context.Context, eventType string, f *publishFlags) error {
	cl, project, err := s.clientAndProject()
	if err != nil {
		return err
	}
	data, err := s.readJSON("--data", f.data)
	if err != nil {
		return err
	}
	p := client.Publication{Type: eventType, ID: f.id, Channels: f.channels, Data: data, IdempotencyKey: f.key}
	switch {
	case f.count < 1:
		return usagef("--count must be at least 1")
	case f.rate < 0:
		return usagef("--rate must not be negative")
	case f.count > 1 && (f.id != "" || f.key != ""):
		return usagef("--count publishes different events: omit --id and --idempotency-key")
	case f.count > 1:
		return s.publishMany(ctx, cl, project, p, f)
	}
	return s.publishOne(ctx, cl, project, p, f.wait)
}

// newTrigger returns the command that publishes the example of an event type.
func newTrigger(s *session) *cobra.Command {
	var wait, dryRun bool
	c := &cobra.Command{
		Use:   "trigger TYPE",
		Short: "Publish the example of an event type",
		Long: `Publish an event with the example that the owner's catalogue has for its type or,
without one, an example made from the type's schema. It goes to every hook that
selects it. To send it to one hook only: hookyard hook test HOOKID --type TYPE`,
		Example: "  hookyard trigger order.created -p shop/orders --wait",
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until every delivery has ended")
	c.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "only print the data of the event")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		e, err := cl.EventExample(c.Context(), project, args[0])
		if err != nil {
			return err
		}
		if dryRun {
			return s.show(e, func() error { return s.println("%s", prettyJSON(e.Data)) })
		}
		return s.publishOne(c.Context(), cl, project, client.Publication{Type: e.Type, Data: e.Data}, wait)
	}
	return takes(c, 1, 1)
}

// publishOne publishes an event and prints its receipt or, with wait, what became of its deliveries.
func (s *session) publishOne(ctx context.Context, cl *client.Client, project string, p client.Publication,
	wait bool) error {
	receipt, err := cl.Publish(ctx, project, p)
	if err != nil {
		return err
	}
	if wait {
		return s.waitFor(ctx, cl, project, receipt)
	}
	return s.show(receipt, func() error {
		if s.quiet {
			return s.println("%s", receipt.ID)
		}
		return s.println("%s", s.receiptLine(receipt))
	})
}

func (s *session) receiptLine(r client.Receipt) string {
	line := fmt.Sprintf("%s  stored, %s", r.ID, hookyard.Count(r.Deliveries, "delivery"))
	if r.Duplicate {
		line = fmt.Sprintf("%s  duplicate of an earlier event with %s", r.ID, hookyard.Count(r.Deliveries, "delivery"))
	}
	if r.Warning != "" {
		line += "; warning: " + r.Warning
	}
	return line
}

// waited is the result of publish --wait.
type waited struct {
	client.Receipt
	Results []client.Delivery `json:"results"`
}

// waitFor waits until all deliveries of an event have ended and prints them.
func (s *session) waitFor(ctx context.Context, cl *client.Client, project string, receipt client.Receipt) error {
	s.say("%s", s.receiptLine(receipt))
	all, err := s.watchDeliveries(ctx, cl, project, receipt.ID)
	if err != nil {
		return err
	}
	if err := s.show(waited{receipt, all}, func() error { return s.deliveryTable(all) }); err != nil {
		return err
	}
	failed, pending := 0, 0
	for _, d := range all {
		switch d.State {
		case hookyard.Delivered:
		case hookyard.Pending:
			pending++
		default:
			failed++
		}
	}
	if pending > 0 {
		return failf(exitNotAccepted, "%d of %s still pending after %s", pending, hookyard.Count(len(all), "delivery"),
			hookyard.FormatDuration(s.patience())).
			then("to follow them: hookyard delivery list --event %s; to wait longer: --timeout", receipt.ID)
	}
	if failed > 0 {
		return failf(exitNotAccepted, "%d of %s failed", failed, hookyard.Count(len(all), "delivery")).
			then("for the reason: hookyard delivery show ID")
	}
	return nil
}

// patience returns how long publish --wait waits for the deliveries of an event.
func (s *session) patience() time.Duration {
	if s.given.Changed("timeout") {
		return s.timeout
	}
	return time.Minute
}

// watchDeliveries polls an event's deliveries, with growing pauses, until none is pending or the patience is over. It
// reports each failed attempt.
func (s *session) watchDeliveries(ctx context.Context, cl *client.Client, project, event string) ([]client.Delivery,
	error) {
	seen, end := map[string]int{}, time.Now().Add(s.patience())
	for pause := 20 * time.Millisecond; ; pause = min(pause*3/2, 2*time.Second) {
		all, err := allDeliveries(ctx, cl, project, client.DeliveryQuery{Event: event})
		if err != nil {
			return nil, err
		}
		pending := 0
		for _, d := range all {
			if d.State != hookyard.Pending {
				continue
			}
			pending++
			if d.Attempts > seen[d.ID] {
				seen[d.ID] = d.Attempts
				s.say("hook %s: attempt %d failed (%s), next at %s", d.HookID, d.Attempts, d.Reason,
					d.Due.Local().Format("15:04:05"))
			}
		}
		left := time.Until(end)
		if pending == 0 || left <= 0 {
			return all, nil
		}
		if err := sleep(ctx, min(pause, left)); err != nil {
			return nil, err
		}
	}
}

func allDeliveries(ctx context.Context, cl *client.Client, project string, q client.DeliveryQuery) ([]client.Delivery,
	error) {
	q.Limit = 200
	all := []client.Delivery{} // [] in JSON, never null
	for {
		page, err := cl.Deliveries(ctx, project, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Deliveries...)
		if page.Cursor == "" {
			return all, nil
		}
		q.Cursor = page.Cursor
	}
}

// sleep waits for d or the context's end.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// published is the result of publish --count.
type published struct {
	Published int      `json:"published"`
	Seconds   float64  `json:"seconds"`
	IDs       []string `json:"ids"`
}

func (s *session) publishMany(ctx context.Context, cl *client.Client, project string, p client.Publication,
	f *publishFlags) error {
	limit := rate.Inf
	if f.rate > 0 {
		limit = rate.Limit(f.rate)
	}
	pace := rate.NewLimiter(limit, 1)
	bar := s.bar(int64(f.count), "publishing")
	start := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(publishers)
	var mu sync.Mutex // guards result
	result := published{IDs: make([]string, 0, f.count)}
	for range f.count {
		if pace.Wait(gctx) != nil {
			break
		}
		g.Go(func() error {
			receipt, err := cl.Publish(gctx, project, p)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			result.IDs = append(result.IDs, receipt.ID)
			return bar.Add(1)
		})
	}
	err := g.Wait()
	_ = bar.Finish()
	result.Published, result.Seconds = len(result.IDs), time.Since(start).Seconds()
	if err != nil {
		s.say("%s published before the error", hookyard.Count(result.Published, "event"))
		return err
	}
	if err := s.show(result, func() error {
		if s.quiet {
			return s.printLines(result.IDs)
		}
		return s.println("%s published in %.1f s, %.0f a second", hookyard.Count(result.Published, "event"),
			result.Seconds, float64(result.Published)/result.Seconds)
	}); err != nil || !f.wait {
		return err
	}
	return s.waitForAll(ctx, cl, project, result.IDs)
}

// waitForAll waits until the deliveries of many events have ended.
func (s *session) waitForAll(ctx context.Context, cl *client.Client, project string, events []string) error {
	bar, failed := s.bar(int64(len(events)), "delivering"), 0
	quiet := *s
	quiet.quiet = true
	for _, id := range events {
		all, err := quiet.watchDeliveries(ctx, cl, project, id)
		if err != nil {
			return err
		}
		for _, d := range all {
			switch d.State {
			case hookyard.Delivered:
			case hookyard.Pending: // each further event could take as long again
				_ = bar.Finish()
				return failf(exitNotAccepted, "deliveries of event %s are still pending after %s", id,
					hookyard.FormatDuration(s.patience())).
					then("to follow them: hookyard delivery list --state pending; to wait longer: --timeout")
			default:
				failed++
			}
		}
		_ = bar.Add(1)
	}
	_ = bar.Finish()
	if failed > 0 {
		return failf(exitNotAccepted, "%s failed", hookyard.Count(failed, "delivery")).
			then("for the list: hookyard delivery list --state failed")
	}
	s.say("all delivered")
	return nil
}

func (s *session) printLines(lines []string) error {
	for _, line := range lines {
		if err := s.println("%s", line); err != nil {
			return err
		}
	}
	return nil
}
