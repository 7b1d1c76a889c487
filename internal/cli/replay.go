package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newReplay(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "replay",
		Aliases: []string{"replays"},
		Short:   "Replays: resend many events",
		Example: `  hookyard replay create --state failed --since 1d -p shop/orders --watch
  hookyard replay create --hook new-billing --type 'order.*'     also events from before the hook existed
  hookyard replay list`,
	}
	return group(c, newReplayCreate(s), newReplayList(s), newReplayShow(s), newReplayWatch(s), newReplayCancel(s))
}

func newReplayCreate(s *session) *cobra.Command {
	var r client.ReplayRequest
	var times span
	var state stateFlag
	var watch, yes bool
	c := &cobra.Command{
		Use: "create", Short: "Start a bulk replay, which runs on the server",
		Long: `Start a bulk replay: the deliveries of the selected events are sent again. What was
delivered still counts as delivered, whatever becomes of that.
With --hook and without --state, the hook also gets events for which it had no
delivery. The replay runs on the server.

--dry-run starts nothing: it prints how many deliveries would be resent to each
hook, and about how long that takes if receivers answer as in the last days.`,
		Example: `  hookyard replay create --state failed --since 1d --dry-run -p shop/orders
  hookyard replay create --state failed --since 1d -p shop/orders
  hookyard replay create --hook billing --since 2026-03-01 --until 2026-03-02 --watch`,
	}
	c.Flags().StringVar(&r.Hook, "hook", "", "only to this hook")
	c.Flags().StringVarP(&r.Type, "type", "t", "", "only events of this type, or a pattern")
	c.Flags().Var(&state, "state", "only deliveries in this state: pending, delivered, failed, skipped or canceled")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "show progress and wait until the replay ends")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "start nothing: print what would be resent")
	addYes(c.Flags(), &yes)
	times.flags(c.Flags())
	c.MarkFlagsMutuallyExclusive("dry-run", "watch")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		r.Since, r.Until = times.since.t, times.until.t
		r.State = hookyard.State(state)
		if (r == client.ReplayRequest{}) && !yes {
			plan, err := cl.CreateReplay(c.Context(), project, client.ReplayRequest{DryRun: true})
			if err != nil {
				return err
			}
			what := project + " to every hook: " + planned(&plan)
			if err := s.confirm(false, "replay every event of %s", what); err != nil {
				return err
			}
		}
		job, err := cl.CreateReplay(c.Context(), project, r)
		if err != nil {
			return err
		}
		if watch {
			return s.watchReplay(c.Context(), cl, project, job.ID)
		}
		return s.showReplay(&job)
	}
	return takes(c, 0, 0)
}

func newReplayList(s *session) *cobra.Command {
	var limit int
	c := &cobra.Command{Use: "list", Short: "List a project's bulk replays, newest first"}
	limitVar(c.Flags(), &limit, 50, "entries to show")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		all, err := cl.Replays(c.Context(), project, limit)
		if err != nil {
			return err
		}
		return s.show(client.Replays{Replays: all}, func() error {
			var rows [][]string
			for _, r := range all {
				rows = append(rows, []string{r.ID, r.Status, fmt.Sprintf("%d/%d", r.Seen, r.Total),
					fmt.Sprint(r.Opened), fmt.Sprint(r.Waiting()), fmt.Sprint(r.Delivered),
					fmt.Sprint(r.Failed), orText(r.Hook, "every"), orText(r.Type, "any"), r.Actor, s.when(r.CreatedAt)})
			}
			if err := s.list([]string{"REPLAY", "STATUS", "SEARCHED", "RESENT", "QUEUED", "DELIVERED", "FAILED", "HOOK",
				"TYPE", "BY", "STARTED"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "replay", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

func (s *session) showReplay(r *hookyard.Replay) error {
	return s.show(r, func() error {
		if s.quiet {
			return s.println("%s", r.ID)
		}
		if r.Status == hookyard.ReplayPlanned {
			return s.showPlan(r)
		}
		return s.card(field{"replay", r.ID}, field{"status", r.Status},
			field{"searched", fmt.Sprintf("%d of %s", r.Seen, hookyard.Count(int(r.Total), "event"))},
			field{"to resend", hookyard.Count(int(r.Opened), "delivery")},
			field{"progress", progressOf(r)}, field{"time left", timeLeft(r)}, field{"hook", r.Hook},
			field{"type", r.Type}, field{"state", string(r.State)}, field{"since", bound(r.Since)},
			field{"until", bound(r.Until)}, field{"by", r.Actor}, field{"started", localTime(r.CreatedAt)})
	})
}

// showPlan shows what a replay would do.
func (s *session) showPlan(r *hookyard.Replay) error {
	if err := s.println("would resend %s", planned(r)); err != nil {
		return err
	}
	var rows [][]string
	for _, hook := range slices.Sorted(maps.Keys(r.ByHook)) {
		rows = append(rows, []string{hook, fmt.Sprint(r.ByHook[hook])})
	}
	return s.list([]string{"HOOK", "DELIVERIES"}, rows)
}

// bound formats an end of a span of time, or returns "" if there is none.
func bound(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return localTime(t)
}

// planned says how much a planned replay would send, and how long that takes.
func planned(r *hookyard.Replay) string {
	text := hookyard.Count(int(r.Opened), "delivery") + " of " + hookyard.Count(int(r.Total), "event")
	if r.Approximate {
		text = "about " + text
	}
	if left := timeLeft(r); left != "" {
		text += ", which takes " + left
	}
	return text
}

// timeLeft is how long a replay still takes, or "" if that is not known.
func timeLeft(r *hookyard.Replay) string {
	if r.TimeLeft == 0 {
		return ""
	}
	return "about " + r.TimeLeft.String()
}

// replayOne returns a command about one replay.
func (s *session) replayOne(use, short string,
	run func(context.Context, *client.Client, string, string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		return run(c.Context(), cl, project, args[0])
	}
	return takes(c, 1, 1)
}

// progressOf says what became of the deliveries of a replay.
func progressOf(r *hookyard.Replay) string {
	text := fmt.Sprintf("queued %d · sending %d · delivered %d · failed %d", r.Queued, r.Sending, r.Delivered, r.Failed)
	if r.Skipped > 0 {
		text += fmt.Sprintf(" · skipped %d", r.Skipped)
	}
	if r.Canceled > 0 {
		text += fmt.Sprintf(" · canceled %d", r.Canceled)
	}
	return text
}

func newReplayShow(s *session) *cobra.Command {
	return s.replayOne("show REPLAY", "Show a bulk replay and its progress",
		func(ctx context.Context, cl *client.Client, project, id string) error {
			r, err := cl.Replay(ctx, project, id)
			if err != nil {
				return err
			}
			return s.showReplay(&r)
		})
}

func newReplayCancel(s *session) *cobra.Command {
	return s.replayOne("cancel REPLAY", "Stop a bulk replay; what is not sent yet goes back to what it was",
		func(ctx context.Context, cl *client.Client, project, id string) error {
			r, err := cl.CancelReplay(ctx, project, id)
			if err != nil {
				return err
			}
			return s.showReplay(&r)
		})
}

func newReplayWatch(s *session) *cobra.Command {
	return s.replayOne("watch REPLAY", "Show progress and wait until a bulk replay ends", s.watchReplay)
}

func (s *session) watchReplay(ctx context.Context, cl *client.Client, project, id string) error {
	// Not -1: for an unknown length the library starts a goroutine that races with its other methods.
	bar := s.bar(1, "replaying")
	for pause := 50 * time.Millisecond; ; pause = min(pause*2, time.Second) {
		r, err := cl.Replay(ctx, project, id)
		if err != nil {
			return err
		}
		if r.Total+r.Opened > 0 {
			bar.ChangeMax64(max(1, r.Total+r.Opened))
			_ = bar.Set64(min(r.Seen, r.Total) + r.Opened - r.Queued - r.Sending)
		}
		if r.Ended() {
			_ = bar.Finish()
			return s.showReplay(&r)
		}
		if err := sleep(ctx, pause); err != nil {
			s.say("the replay continues; to stop it: hookyard replay cancel %s", id)
			return err
		}
	}
}
