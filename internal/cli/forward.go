package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// maxShown limits how many bytes of a local receiver's response are read.
const maxShown = 64 << 10

// answered is the response of a URL to an event sent from this machine.
type answered struct {
	URL      string              `json:"url"`
	Status   int                 `json:"status,omitempty"`
	Error    string              `json:"error,omitempty"`
	Duration string              `json:"duration"`
	Header   map[string][]string `json:"header,omitempty"`
	Text     string              `json:"text,omitempty"`
	Base64   []byte              `json:"base64,omitempty"`
	took     time.Duration

	truncated bool // the response was longer than maxShown
	refused   bool // the connection failed, so the receiver did not see the request
}

func (a *answered) ok() bool { return a.Status/100 == 2 }

// summary returns the status, such as 200, or the error.
func (a *answered) summary() string {
	if a.Error != "" {
		return a.Error
	}
	return fmt.Sprint(a.Status)
}

// forwarder sends events from this machine. It does not follow redirects or ask for compression, so that the user sees
// exactly what the receiver got and answered.
type forwarder struct {
	http *http.Client
}

func newForwarder(timeout time.Duration) *forwarder {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.Proxy = nil
	return &forwarder{&http.Client{Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// send sends a request. It never fails: an error is part of the response.
func (f *forwarder) send(ctx context.Context, r *request) *answered {
	a, start := &answered{URL: r.url}, time.Now()
	defer func() {
		a.took = time.Since(start)
		a.Duration = hookyard.FormatDuration(a.took.Round(time.Millisecond / 10))
	}()
	out, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		a.Error = err.Error()
		return a
	}
	out.Header = r.header.Clone()
	if out.Header.Values("User-Agent") == nil {
		out.Header["User-Agent"] = nil // or net/http adds its own
	}
	resp, err := f.http.Do(out)
	if err != nil {
		a.Error = sendError(err)
		var op *net.OpError
		a.refused = errors.As(err, &op) && op.Op == "dial"
		return a
	}
	defer func() { _ = resp.Body.Close() }()
	a.Status, a.Header = resp.StatusCode, resp.Header
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxShown+1))
	if err != nil {
		a.Error = "the response ended early: " + sendError(err)
	}
	if len(body) > maxShown {
		body, a.truncated = body[:maxShown], true
	}
	if utf8.Valid(body) {
		a.Text = string(body)
	} else {
		a.Base64 = body
	}
	return a
}

// sendSigned signs a request, adds the user's headers and sends it. A nil signer does not sign.
func (f *forwarder) sendSigned(ctx context.Context, g *signer, r *request, header http.Header) *answered {
	if g != nil {
		if err := g.sign(ctx, r); err != nil {
			return &answered{URL: r.url, Error: "not sent, because it cannot be signed: " + sendError(err)}
		}
	}
	for name, values := range header {
		r.header[name] = values
	}
	return f.send(ctx, r)
}

func sendError(err error) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		if ue.Timeout() {
			return "no response in time"
		}
		err = ue.Err
	}
	return rootOf(err).Error()
}

// targetURL returns the URL that a flag means: an HTTP URL, a host with or without port and path, or a port of this
// machine. Anything else is a usage error.
func targetURL(flag, text string) (string, error) {
	full := text
	switch {
	case strings.Contains(text, "://"):
	case text != "" && strings.Trim(text, "0123456789") == "":
		full = "http://localhost:" + text
	case strings.HasPrefix(text, ":"):
		full = "http://localhost" + text
	default:
		full = "http://" + text
	}
	u, err := url.Parse(full)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !validPort(u.Port()) {
		return "", usagef("%s %q: use a URL such as http://localhost:3000/hooks, or a port", flag, text)
	}
	return full, nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// withTarget returns the URL to send a request to that came to a source by target, the path and query after the source:
// they are added to those of the URL.
func withTarget(to, target string) string {
	u, err := url.Parse(to)
	if err != nil || target == "" {
		return to
	}
	path, query, _ := strings.Cut(target, "?")
	if path != "" && path != "/" {
		below, err := url.Parse(path)
		if err != nil {
			return to
		}
		u = u.JoinPath(below.EscapedPath())
	}
	if u.RawQuery != "" && query != "" {
		query = "&" + query
	}
	u.RawQuery += query
	return u.String()
}

// sendFlags are those of commands that send events from this machine.
type sendFlags struct {
	to     string
	header []string
	resign bool
}

func (f *sendFlags) resignVar(fs *pflag.FlagSet) {
	fs.BoolVar(&f.resign, "resign", false,
		"sign received events anew, as their provider would now; the server does that for those who may write")
}

// replayTo sends an event from this machine to a URL and shows the response.
func (s *session) replayTo(ctx context.Context, cl *client.Client, project, id string, f *sendFlags) error {
	to, err := targetURL("--to", f.to)
	if err != nil {
		return err
	}
	extra, err := parseHeader(f.header)
	if err != nil {
		return err
	}
	r, err := s.original(ctx, cl, project, id)
	if err != nil {
		return err
	}
	r.url = withTarget(to, r.target)
	a := newForwarder(s.timeout).sendSigned(ctx, s.newSigner(cl, project, f.resign), r, extra)
	if err := s.show(a, func() error { return s.showAnswer(a) }); err != nil {
		return err
	}
	if !a.ok() {
		return failf(exitNotAccepted, "%s did not accept the event: %s", to, a.summary())
	}
	return nil
}

func (s *session) showAnswer(a *answered) error {
	if a.Status == 0 {
		return nil
	}
	if err := s.println("%s in %s", s.paint(statusColor(a.Status),
		fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))), a.Duration); err != nil {
		return err
	}
	if err := s.showHeader(a.Header); err != nil {
		return err
	}
	if a.Text != "" {
		return s.println("\n%s", a.Text)
	}
	return nil
}

func statusColor(status int) string {
	switch {
	case status/100 == 2:
		return green
	case status == 0 || status >= 500:
		return red
	}
	return yellow
}
