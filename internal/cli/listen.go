package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

type listenFlags struct {
	sendFlags
	q     client.StreamQuery
	limit int
	plain bool
}

func newListen(s *session) *cobra.Command {
	var f listenFlags
	c := &cobra.Command{
		Use: "listen", Short: "Follow a project's events live, and forward them to a local URL",
		Long: `Follow a project's events live. With --forward-to each event is forwarded, in
order, with its original method, headers, query and bytes. The response is shown, and recorded
as an attempt of a hook that exists as long as the command runs. An event is
retried while the URL refuses connections, but not after any response.

The command reconnects by itself and continues where it stopped, so it misses
nothing. Several users can listen at the same time. Events that are past their
retention are reported as missing.

Received events keep their signature; with --resign they are signed anew, as
their provider would now, which needs the right to write. Published events are
signed by Standard Webhooks with a secret that is printed at the start. It is
kept on this machine, in signing/ beside the token, and stays the same for a
project.

On a terminal the keys are: j k PgUp PgDn move, Enter details, r resend the
selected event, R resend the last one, s skip an event that is being retried,
c copy it as a curl command, o open its page, w copy the secret, q quit. Elsewhere the command prints a line for
each event, or a JSON object with --json.`,
		Example: `  hookyard listen -p shop/orders
  hookyard listen -p shop/orders --source github --type 'pull_request,push' --forward-to http://localhost:3000/hooks
  hookyard listen -p shop/orders --since 2h --limit 10 --json`,
	}
	fs := c.Flags()
	fs.StringVarP(&f.q.Source, "source", "s", "", "only events from this source")
	fs.StringSliceVarP(&f.q.Types, "type", "t", nil, "only these event types or patterns, such as order.*")
	fs.StringVar(&f.q.Filter, "filter", "", "only events that match this expression, as in a hook's filter")
	fs.StringVar(&f.q.Since, "since", "", "start in the past: all, an age (10m, 2h, 3d), a time, or an event's id")
	fs.StringVar(&f.q.After, "after", "", "continue after this cursor, which listen prints when it ends")
	fs.StringVarP(&f.to, "forward-to", "F", "", "URL, host:port or port to forward each event to")
	fs.StringArrayVarP(&f.header, "header", "H", nil,
		"header to add or replace when forwarding, 'Name: value' (repeatable)")
	f.resignVar(fs)
	fs.VarP((*countOrNoneFlag)(&f.limit), "limit", "n", "stop after this many events; 0: never")
	fs.BoolVar(&f.plain, "plain", false, "print lines even on a terminal")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.listen(c.Context(), &f) }
	return takes(c, 0, 0)
}

func (s *session) listen(ctx context.Context, f *listenFlags) error {
	if f.to != "" {
		to, err := targetURL("--forward-to", f.to)
		if err != nil {
			return err
		}
		f.to = to
	} else if f.resign {
		return usagef("--resign needs --forward-to")
	}
	header, err := parseHeader(f.header)
	if err != nil {
		return err
	}
	project, err := s.needProject()
	if err != nil {
		return err
	}
	cl, err := s.streamClient()
	if err != nil {
		return err
	}
	l := &listener{client: cl, project: project, q: f.q, to: f.to, header: header, limit: f.limit,
		forwarder: newForwarder(s.timeout)}
	if f.to != "" {
		l.signer = s.newSigner(cl, project, f.resign)
	}
	if isTerminal(s.out) && isTerminal(s.in) && !s.asJSON && !s.quiet && !f.plain {
		err = s.listenView(ctx, l)
	} else {
		err = s.listenLines(ctx, l)
	}
	if cursor := l.position(); cursor != f.q.After {
		s.say("to continue from here: hookyard listen -p %s --after %s", project, cursor)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// streamClient returns a client that limits the time to the response header but not the time of the stream.
func (s *session) streamClient() (*client.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = s.timeout
	return s.connect(&http.Client{Transport: transport})
}

func parseHeader(lines []string) (http.Header, error) {
	out := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, usagef("--header %q: use 'Name: value'", line)
		}
		out.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return out, nil
}

// heard is an event in the output of listen --json.
type heard struct {
	client.StreamEvent
	Forward *answered `json:"forward,omitempty"`
}

// listenLines prints a line for each event.
func (s *session) listenLines(ctx context.Context, l *listener) error {
	out := json.NewEncoder(s.out)
	out.SetEscapeHTML(false)
	defer l.record(ctx, func(text string) { s.say("%s", text) })()
	return l.run(ctx, func(n notice) error {
		switch {
		case n.event == nil || n.again:
			if n.again && n.waiting != "" {
				n.text += "; waiting behind it: " + n.waiting
			}
			if n.text != "" {
				s.say("%s", n.text)
			}
			return nil
		case s.asJSON:
			return out.Encode(heard{*n.event, n.answer})
		case n.event.Gap != nil:
			s.say("%s", n.event.Gap.Message)
			return nil
		case s.quiet:
			return s.println("%s", n.event.ID)
		}
		return s.println("%s  %s  %s  %s  %s%s", n.event.Time.Local().Format("15:04:05"),
			s.paint(bold, fmt.Sprintf("%-28s", cell(n.event.Type))),
			fmt.Sprintf("%-12s", cell(n.event.Source)), n.event.ID, fmt.Sprintf("%8d bytes", n.event.Size),
			s.answerText(n.answer))
	})
}

// answerText formats the URL's response for the end of a line.
func (s *session) answerText(a *answered) painted {
	if a == nil {
		return ""
	}
	return painted("  → ") + s.paint(statusColor(a.Status), a.summary()) +
		painted(" in "+hookyard.FormatDuration(a.took.Round(time.Millisecond/10)))
}

// listenView shows a live table.
func (s *session) listenView(ctx context.Context, l *listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.skip = make(chan struct{})
	v := &listenView{session: s, listener: l, ctx: ctx}
	p := tea.NewProgram(v, tea.WithContext(ctx), tea.WithInput(s.in), tea.WithOutput(s.out))
	defer l.record(ctx, func(text string) { p.Send(warning(text)) })()
	ended := make(chan error, 1)
	go func() {
		err := l.run(ctx, func(n notice) error {
			p.Send(n)
			return nil
		})
		ended <- err
		p.Quit()
	}()
	_, err := p.Run()
	quit := ctx.Err() == nil && v.quit
	cancel()
	if failed := <-ended; !quit {
		return failed
	}
	if errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}
