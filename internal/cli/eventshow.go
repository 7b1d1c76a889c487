package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/curl"
)

func newEventShow(s *session) *cobra.Command {
	var curl, asTest bool
	var to string
	c := &cobra.Command{
		Use: "show EVENT", Short: "Show an event: header, body, deliveries",
		Long: `Show an event with its header and body.

--curl prints a command that sends the same headers and bytes again, to the
source's URL or to --to.

--as-test prints the event as a file for a test suite: an HTTP/1.1 request
message (RFC 9112) whose lines end in a line feed. The original headers come
first, then an empty line, then the exact body of Content-Length bytes. The
header X-Hookyard-Event holds the event's id. In Go, read the file with
http.ReadRequest; elsewhere, split it at the first empty line.`,
		Example: `  hookyard event show evt_… -p shop/orders
  hookyard event show evt_… --curl --to http://localhost:3000/hooks | sh
  hookyard event show evt_… --as-test > testdata/push.http`,
	}
	c.Flags().BoolVar(&curl, "curl", false, "print the event as a curl command")
	c.Flags().BoolVar(&asTest, "as-test", false, "print the event as a file for a test suite")
	c.Flags().StringVar(&to, "to", "", "with --curl or --as-test: URL to send to")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case curl && asTest:
			return usagef("--curl and --as-test cannot be combined")
		case to != "" && !curl && !asTest:
			return usagef("--to needs --curl or --as-test; to send the event, use hookyard event replay EVENT --to URL")
		}
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		if !curl && !asTest {
			e, err := cl.Event(c.Context(), project, args[0])
			if err != nil {
				return err
			}
			return s.show(e, func() error { return s.showEvent(&e) })
		}
		r, err := s.original(c.Context(), cl, project, args[0])
		if err != nil {
			return err
		}
		if to != "" {
			if to, err = targetURL("--to", to); err != nil {
				return err
			}
			r.url = withTarget(to, r.target)
		}
		if asTest {
			return r.writeTest(s.out)
		}
		return r.writeCurl(s.out)
	}
	return takes(c, 1, 1)
}

func (s *session) showEvent(e *client.Event) error {
	err := s.card(field{"event", e.ID}, field{"type", e.Type}, field{"source", e.Source},
		field{"time", localTime(e.Time)},
		field{"from", e.Remote}, field{"request", strings.TrimSpace(e.Method + " " + e.Target)},
		field{"verified", e.Verified}, field{"again", againOf(e)},
		field{"deliveries", statesOf(e.Deliveries)},
		field{"body", hookyard.Count(e.Size, "byte") + " of " + orText(e.ContentType, "no content type")})
	if err != nil {
		return err
	}
	if err := s.showHeader(e.Header); err != nil {
		return err
	}
	switch {
	case e.BodyLeftOut != "":
		return s.println("\n%s", s.paint(grey, e.BodyLeftOut))
	case len(e.Body) > 0:
		return s.println("\n%s", prettyJSON(e.Body))
	case e.Text != "":
		return s.println("\n%s", e.Text)
	case len(e.Base64) > 0:
		return s.println("\n%s", s.paint(grey,
			hookyard.Count(len(e.Base64), "byte")+", not text; to print the body: hookyard event body "+e.ID))
	}
	return nil
}

// againOf says how often an event came again, or "".
func againOf(e *client.Event) string {
	if e.Duplicates == 0 {
		return ""
	}
	return fmt.Sprintf("received %s more, last at %s; duplicates are not stored", hookyard.Count(e.Duplicates, "time"),
		localTime(e.LastDuplicateAt))
}

func (s *session) showHeader(header map[string][]string) error {
	if len(header) > 0 {
		if err := s.println(""); err != nil {
			return err
		}
	}
	for _, name := range sortedNames(header) {
		for _, v := range header[name] {
			if err := s.println("%s %s", s.paint(blue, cell(name)+":"), cell(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

func prettyJSON(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}

func sortedNames(header map[string][]string) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// request is an HTTP request that repeats an event.
type request struct {
	eventID, method, url string
	target               string // path and query after the source
	header               http.Header
	body                 []byte
	received             bool // by a request, not published
	verified             bool // the request was signed
}

// requestOf returns the request by which an event was received, without its URL and the headers of its connection.
func requestOf(e *client.Event, body []byte) *request {
	return &request{eventID: e.ID, method: orText(e.Method, http.MethodPost), target: e.Target,
		header: forwardedHeader(e.Header, e.ContentType), body: body, received: e.Method != "",
		verified: e.Verified != ""}
}

// original returns the request by which an event was received, without the headers of its connection.
func (s *session) original(ctx context.Context, cl *client.Client, project, id string) (*request, error) {
	e, err := cl.Event(ctx, project, id)
	if err != nil {
		return nil, err
	}
	body, err := cl.EventBody(ctx, project, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	r := requestOf(&e, b)
	r.url = strings.TrimRight(s.server, "/") + "/in/" + project + "/" + e.Source + e.Target
	if e.Source == hookyard.SourceAPI || e.Source == hookyard.SourceMeta {
		r.url = "http://localhost:3000/" // an example: no URL of the server accepts the event in this form
	}
	return r, nil
}

// forwardedHeader is the header of an event without what the next connection sets itself.
func forwardedHeader(header map[string][]string, contentType string) http.Header {
	out := hookyard.ForwardedHeader(header)
	hookyard.SetHops(out, header)
	if out.Get("Content-Type") == "" && contentType != "" {
		out.Set("Content-Type", contentType)
	}
	return out
}

// writeCurl writes the request as a command.
func (r *request) writeCurl(w io.Writer) error {
	command := curl.Command(curl.Request{Method: r.method, URL: r.url, Header: r.header, Body: r.body})
	_, err := io.WriteString(w, command)
	return err
}

// writeTest writes the test file that the help of event show describes.
func (r *request) writeTest(w io.Writer) error {
	to, err := url.Parse(r.url)
	if err != nil || to.Host == "" {
		return usagef("--to %q: use a URL such as http://localhost:3000/hooks", r.url)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\nHost: %s\n", r.method, to.RequestURI(), to.Host)
	for _, name := range sortedNames(r.header) {
		for _, v := range r.header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(&b, "X-Hookyard-Event: %s\nContent-Length: %s\n\n", r.eventID, strconv.Itoa(len(r.body)))
	b.Write(r.body)
	_, err = w.Write(b.Bytes())
	return err
}
