package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newDelivery(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "delivery",
		Aliases: []string{"deliveries"},
		Short:   "Deliveries: events on their way to hooks, with every attempt",
		Example: `  hookyard delivery list --state failed -p shop/orders
  hookyard delivery show dlv_…
  hookyard delivery retry dlv_…`,
	}
	return group(c, newDeliveryList(s), newDeliveryShow(s),
		s.deliveryChange("retry", "Retry a delivery now, whatever its state", (*client.Client).RetryDelivery),
		s.deliveryChange("cancel", "Cancel a pending delivery", (*client.Client).CancelDelivery))
}

func newDeliveryList(s *session) *cobra.Command {
	var q client.DeliveryQuery
	var times span
	var state stateFlag
	c := &cobra.Command{
		Use: "list", Short: "List deliveries, newest event first",
		Example: `  hookyard delivery list --hook billing --state pending -p shop/orders
  hookyard delivery list --event evt_…
  hookyard delivery list --replay rpl_… --state failed
  hookyard delivery list --state failed --quiet | xargs -n1 hookyard delivery retry`,
	}
	c.Flags().StringVar(&q.Hook, "hook", "", "only for this hook")
	c.Flags().StringVar(&q.Event, "event", "", "only for this event")
	c.Flags().StringVar(&q.Replay, "replay", "", "only of this bulk replay; --state is then what became of them in it")
	c.Flags().Var(&state, "state", "only in this state: pending, delivered, failed, skipped or canceled")
	times.flags(c.Flags())
	pageFlags(c.Flags(), &q.Page)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		q.Since, q.Until = times.since.t, times.until.t
		q.State = hookyard.State(state)
		page, err := cl.Deliveries(c.Context(), project, q)
		if err != nil {
			return err
		}
		return s.show(page, func() error {
			if err := s.deliveryTable(page.Deliveries); err != nil {
				return err
			}
			s.more(len(page.Deliveries), "delivery", page.Cursor)
			return nil
		})
	}
	return takes(c, 0, 0)
}

func (s *session) deliveryTable(all []client.Delivery) error {
	var rows [][]string
	for _, d := range all {
		rows = append(rows, []string{d.ID, string(d.State), d.HookID, d.EventType, s.when(d.EventTime),
			strconv.Itoa(d.Attempts), s.statusOf(&d), d.Reason})
	}
	return s.list([]string{"DELIVERY", "STATE", "HOOK", "EVENT TYPE", "EVENT TIME", "ATTEMPTS", "NOW", "REASON"}, rows)
}

// statusOf says what happens to a pending delivery now; "-" if it has ended.
func (s *session) statusOf(d *client.Delivery) string {
	before := ""
	switch {
	case d.Position > hookyard.MaxPosition:
		before = fmt.Sprintf(", over %d before it", hookyard.MaxPosition)
	case d.Position > 1:
		before = fmt.Sprintf(", %d before it", d.Position-1)
	case d.Position == 1:
		before = ", next"
	}
	switch {
	case !d.Open():
		return "-"
	case d.Status == hookyard.Sending:
		return "sending now"
	case d.Status == hookyard.Held:
		return fmt.Sprintf("held back: %g a second%s", d.Rate, before)
	case d.Status == hookyard.Resting:
		return "hook rests until " + s.when(d.Due)
	case d.Status == hookyard.Scheduled:
		return "next try " + s.when(d.Due)
	}
	return "queued" + before
}

func newDeliveryShow(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "show DELIVERY", Short: "Show a delivery with every attempt: request and response",
		Example: "  hookyard delivery show dlv_… -p shop/orders",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		d, err := cl.Delivery(c.Context(), project, args[0])
		if err != nil {
			return err
		}
		return s.show(d, func() error { return s.showDelivery(&d) })
	}
	return takes(c, 1, 1)
}

func (s *session) showDelivery(d *client.Delivery) error {
	if s.quiet {
		return s.println("%s", d.ID)
	}
	now := ""
	if d.Open() {
		now = s.statusOf(d)
	}
	err := s.card(field{"delivery", d.ID}, field{"event", d.EventID}, field{"type", d.EventType},
		field{"hook", d.HookID}, field{"state", string(d.State)},
		field{"sent again", string(d.Resend)}, field{"reason", d.Reason},
		field{"attempts", strconv.Itoa(d.Attempts)}, field{"now", now})
	if err != nil {
		return err
	}
	for i := range d.History {
		if err := s.showAttempt(&d.History[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) showAttempt(a *client.Attempt) error {
	result := s.paint(red, a.Error)
	if a.Status != 0 {
		result = s.paint(statusColor(a.Status), strconv.Itoa(a.Status))
	}
	took := time.Duration(a.Duration).Round(100 * time.Microsecond)
	if err := s.println("\n%s %s  %s in %s", s.paint(bold, fmt.Sprintf("attempt %d", a.N)), localTime(a.StartedAt),
		result, hookyard.FormatDuration(took)); err != nil {
		return err
	}
	if err := s.println("→ %s %s %s%s",
		orText(a.Method, http.MethodPost), a.URL, a.Remote, s.paint(grey, timingOf(a.Timing))); err != nil {
		return err
	}
	if err := s.showMessage("  ", &a.Request); err != nil || a.Response == nil {
		return err
	}
	if err := s.println("←"); err != nil {
		return err
	}
	return s.showMessage("  ", a.Response)
}

func timingOf(t client.Timing) string {
	out := ""
	for _, part := range []struct {
		name string
		d    hookyard.Duration
	}{{"dns", t.DNS}, {"connect", t.Connect}, {"tls", t.TLS}, {"wait", t.Wait}} {
		if part.d > 0 {
			out += fmt.Sprintf("  %s %s", part.name,
				hookyard.FormatDuration(time.Duration(part.d).Round(10*time.Microsecond)))
		}
	}
	return out
}

func (s *session) showMessage(indent string, m *client.Message) error {
	for _, name := range sortedNames(m.Header) {
		for _, v := range m.Header[name] {
			if err := s.println(indent+"%s %s", s.paint(blue, cell(name)+":"), cell(v)); err != nil {
				return err
			}
		}
	}
	note := ""
	switch {
	case m.AsEvent:
		note = fmt.Sprintf("the event's own %d bytes", m.Size)
	case len(m.Base64) > 0:
		note = hookyard.Count(m.Size, "byte") + ", not text"
	case m.Truncated:
		note = fmt.Sprintf("truncated: %d bytes in total", m.Size)
	}
	if m.Text != "" {
		if err := s.println(indent+"%s", m.Text); err != nil {
			return err
		}
	}
	if note == "" {
		return nil
	}
	return s.println(indent+"%s", s.paint(grey, "("+note+")"))
}

// deliveryChange returns a command that changes one delivery.
func (s *session) deliveryChange(verb, short string,
	change func(*client.Client, context.Context, string, string) (client.Delivery, error)) *cobra.Command {
	c := &cobra.Command{Use: verb + " DELIVERY", Short: short,
		Example: "  hookyard delivery " + verb + " dlv_… -p shop/orders"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		d, err := change(cl, c.Context(), project, args[0])
		if err != nil {
			return err
		}
		return s.show(d, func() error {
			if s.quiet {
				return s.println("%s", d.ID)
			}
			return s.println("%s  %s  %s", d.ID, s.paint(stateColor(string(d.State)), string(d.State)), d.Reason)
		})
	}
	return takes(c, 1, 1)
}
