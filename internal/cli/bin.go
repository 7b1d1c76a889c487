package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newBin(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "bin",
		Aliases: []string{"bins"},
		Short:   "Bins: temporary URLs that record what is sent to them",
		Long: `Bins are temporary URLs that answer any request and keep the most recent ones
for two days. The names and keys of the bins that you create are stored in
~/.config/hookyard/bins.json.`,
		Example: `  hookyard bin create
  hookyard bin watch binabcdefghijklmnop
  hookyard bin source binabcdefghijklmnop github -p shop/orders --secret …`,
	}
	return group(c, newBinCreate(s), newBinList(s), newBinShow(s), newBinWatch(s), newBinAnswer(s), newBinCurl(s),
		newBinReplay(s), newBinSource(s), newBinDelete(s))
}

// binAnswer holds the flags that set a bin's response.
type binAnswer struct {
	wish   client.BinSettings
	header []string
	delay  time.Duration
}

func (a *binAnswer) flags(fs *pflag.FlagSet) {
	fs.IntVar(&a.wish.Status, "status", 0, "response status (default 200)")
	fs.StringVar(&a.wish.Body, "body", "", "response body (default ok)")
	fs.StringArrayVarP(&a.header, "header", "H", nil, "response header, 'Name: value' (repeatable)")
	fs.Var((*hookyard.Duration)(&a.delay), "delay", "delay before the response")
}

func (a *binAnswer) read() (client.BinSettings, error) {
	parsed, err := parseHeader(a.header)
	if err != nil {
		return a.wish, err
	}
	for name := range parsed {
		if a.wish.Headers == nil {
			a.wish.Headers = map[string]string{}
		}
		a.wish.Headers[name] = parsed.Get(name)
	}
	a.wish.Delay = hookyard.Duration(a.delay)
	return a.wish, nil
}

func newBinCreate(s *session) *cobra.Command {
	var a binAnswer
	c := &cobra.Command{
		Use: "create", Short: "Create a bin and print its URL",
		Example: "  hookyard bin create\n  hookyard bin create --status 503 --delay 2s --private",
	}
	c.Flags().BoolVar(&a.wish.Private, "private", false, "require the key to see its requests")
	a.flags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		w, err := a.read()
		if err != nil {
			return err
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		b, err := cl.CreateBin(c.Context(), w)
		if err != nil {
			return err
		}
		if err := s.rememberBin(b); err != nil {
			s.say("could not store the key: %v", err)
		}
		return s.show(b, func() error {
			s.say("expires at %s; to follow its requests: hookyard bin watch %s", s.when(b.ExpiresAt), b.Name)
			return s.println("%s", b.URL)
		})
	}
	return takes(c, 0, 0)
}

func newBinAnswer(s *session) *cobra.Command {
	var a binAnswer
	c := &cobra.Command{
		Use: "answer BIN", Short: "Change the response of a bin", DisableFlagsInUseLine: true,
		Example: `  hookyard bin answer binabcdefghijklmnop --status 503
  hookyard bin answer binabcdefghijklmnop              back to 200 ok`,
	}
	a.flags(c.Flags())
	return s.binCommand(c, 1, func(ctx context.Context, cl *client.Client, bin, key string, _ []string) error {
		w, err := a.read()
		if err != nil {
			return err
		}
		b, err := cl.SetBinAnswer(ctx, bin, key, w)
		if err != nil {
			return err
		}
		return s.show(b, func() error { return s.println("%s", b.URL) })
	})
}

func newBinList(s *session) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the bins that you created"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		known, err := s.knownBins()
		if err != nil {
			return err
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		all := []client.Bin{}
		for _, k := range known {
			if k.Server != s.server {
				continue
			}
			b, err := cl.Bin(c.Context(), k.Name, k.Key)
			if client.StatusOf(err) == http.StatusNotFound {
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, b)
		}
		return s.show(all, func() error {
			var rows [][]string
			for _, b := range all {
				rows = append(rows, []string{b.Name, strconv.FormatInt(b.RequestCount, 10), yesNo(b.Private),
					s.when(b.ExpiresAt), b.URL})
			}
			if err := s.list([]string{"BIN", "REQUESTS", "PRIVATE", "EXPIRES", "URL"}, rows); err != nil {
				return err
			}
			s.more(len(rows), "bin", "")
			return nil
		})
	}
	return takes(c, 0, 0)
}

// binCommand makes c a command with n arguments. run gets a client, the bin that the first argument names, by name or
// URL, with its key, and the other arguments.
func (s *session) binCommand(c *cobra.Command, n int,
	run func(ctx context.Context, cl *client.Client, bin, key string, args []string) error) *cobra.Command {
	var key string
	c.Flags().StringVar(&key, "key", "", "key of the bin, if you did not create it")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		bin := strings.Trim(args[0], "/")
		bin = bin[strings.LastIndexByte(bin, '/')+1:]
		if key == "" {
			key = s.keyOf(bin)
		}
		return run(c.Context(), cl, bin, key, args[1:])
	}
	return takes(c, n, n)
}

func newBinShow(s *session) *cobra.Command {
	var limit int
	c := &cobra.Command{Use: "show BIN", Short: "Show the requests that a bin has kept, newest first",
		Example: "  hookyard bin show binabcdefghijklmnop --limit 1"}
	limitVar(c.Flags(), &limit, 20, "maximum number of requests")
	return s.binCommand(c, 1, func(ctx context.Context, cl *client.Client, bin, key string, _ []string) error {
		all, err := cl.BinRequests(ctx, bin, key)
		if err != nil {
			return err
		}
		all = all[:min(len(all), max(limit, 0))]
		return s.show(all, func() error {
			for i := range all {
				if err := s.showBinRequest(&all[i]); err != nil {
					return err
				}
			}
			s.more(len(all), "request", "")
			return nil
		})
	})
}

func (s *session) showBinRequest(r *client.BinRequest) error {
	if s.quiet {
		return s.println("%s", r.ID)
	}
	at := s.when(time.UnixMicro(int64(r.Time * 1e6)))
	if err := s.println("%s %s %s  from %s at %s", s.paint(grey, r.ID), s.paint(bold, r.Method),
		r.Path+queryText(r.QueryString), r.RemoteAddr, at); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if err := s.println("  %s %s", s.paint(blue, cell(name)+":"), cell(r.Headers[name])); err != nil {
			return err
		}
	}
	body := cmp.Or(r.Body, r.Raw)
	if r.Truncated {
		body += fmt.Sprintf("\n(truncated: %d bytes in total)", r.ContentLength)
	}
	if body == "" {
		return s.println("")
	}
	return s.println("\n%s\n", body)
}

func queryText(query map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		parts = append(parts, name+"="+query[name])
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

func newBinWatch(s *session) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "watch BIN", Short: "Show each request to a bin as it arrives",
		Example: "  hookyard bin watch binabcdefghijklmnop",
	}
	c.Flags().VarP((*countOrNoneFlag)(&limit), "limit", "n", "stop after this many requests; 0: never")
	return s.binCommand(c, 1, func(ctx context.Context, cl *client.Client, bin, key string, _ []string) error {
		seen := map[string]bool{}
		for shown := 0; ; {
			all, err := cl.BinRequests(ctx, bin, key)
			if err != nil {
				return err
			}
			fresh := map[string]bool{}
			for _, r := range slices.Backward(all) {
				fresh[r.ID] = true
				if seen[r.ID] {
					continue
				}
				if err := s.tellBinRequest(&r); err != nil {
					return err
				}
				if shown++; limit > 0 && shown >= limit {
					return nil
				}
			}
			seen = fresh
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
	})
}

// tellBinRequest prints one of several requests; with --json as one line.
func (s *session) tellBinRequest(r *client.BinRequest) error {
	if s.asJSON {
		return json.NewEncoder(s.out).Encode(r)
	}
	return s.showBinRequest(r)
}

func newBinCurl(s *session) *cobra.Command {
	c := &cobra.Command{Use: "curl BIN REQUEST", Short: "Print a request to a bin as a curl command"}
	return s.binCommand(c, 2, func(ctx context.Context, cl *client.Client, bin, key string, args []string) error {
		text, err := cl.BinCurl(ctx, bin, key, args[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, strings.TrimRight(text, "\n"))
		return err
	})
}

func newBinReplay(s *session) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "replay BIN REQUEST --to URL", Short: "Resend a request to a bin from this machine",
		DisableFlagsInUseLine: true,
		Example:               "  hookyard bin replay binabcdefghijklmnop req_… --to http://localhost:3000/hooks",
	}
	c.Flags().StringVar(&to, "to", "", "URL to send it to")
	return s.binCommand(c, 2, func(ctx context.Context, cl *client.Client, bin, key string, args []string) error {
		to, err := targetURL("--to", to)
		if err != nil {
			return err
		}
		r, err := cl.BinRequest(ctx, bin, key, args[0])
		if err != nil {
			return err
		}
		if r.Truncated {
			return failf(exitFailed, "only part of the request's %d bytes was kept, so it cannot be resent",
				r.ContentLength)
		}
		header := map[string][]string{}
		for name, value := range r.Headers {
			header[name] = []string{value}
		}
		a := newForwarder(s.timeout).send(ctx,
			&request{method: r.Method, url: to, header: forwardedHeader(header, r.ContentType), body: r.RawBase64})
		if err := s.show(a, func() error { return s.showAnswer(a) }); err != nil {
			return err
		}
		if !a.ok() {
			return failf(exitNotAccepted, "%s did not accept the request: %s", to, a.summary())
		}
		return nil
	})
}

func newBinSource(s *session) *cobra.Command {
	var w client.BinSourceRequest
	c := &cobra.Command{
		Use: "source BIN SOURCE", Short: "Create a source for the sender of a bin's requests, and test it on one",
		Example: "  hookyard bin source binabcdefghijklmnop github -p shop/orders --secret s3cret",
	}
	c.Flags().StringVarP(&w.Type, "type", "t", "",
		"how to verify the sender (default: detected from the request)")
	c.Flags().StringVar(&w.Secret, "secret", "", "secret shared with the sender"+secretUsage)
	c.Flags().StringVar(&w.Request, "request", "", "request to test it on (default: the newest)")
	return s.binCommand(c, 2, func(ctx context.Context, cl *client.Client, bin, key string, args []string) error {
		project, err := s.needProject()
		if err != nil {
			return err
		}
		w.Project, w.Name = project, args[0]
		if w.Secret, err = s.readSecret(w.Secret); err != nil {
			return err
		}
		made, err := cl.BinSource(ctx, bin, key, w)
		if err != nil {
			return err
		}
		return s.show(made, func() error {
			tested := "no request to test it on"
			if made.Request != "" {
				tested = made.Request + ": accepted"
			}
			if made.Request != "" && !made.Verified {
				tested = made.Request + ": would be refused: " + made.Reason
			}
			return s.card(field{"source", made.Name}, field{"project", made.Project}, field{"type", made.Type},
				field{"url", made.URL}, field{"tested on", tested})
		})
	})
}

func newBinDelete(s *session) *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "delete BIN", Short: "Delete a bin and its requests"}
	addYes(c.Flags(), &yes)
	return s.binCommand(c, 1, func(ctx context.Context, cl *client.Client, bin, key string, _ []string) error {
		if _, err := cl.Bin(ctx, bin, key); err != nil {
			return err
		}
		if err := s.confirm(yes, "delete bin %s", bin); err != nil {
			return err
		}
		if err := cl.DeleteBin(ctx, bin, key); err != nil {
			return err
		}
		s.say("deleted bin %s", bin)
		return nil
	})
}
