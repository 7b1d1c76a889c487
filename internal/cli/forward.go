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
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard/client"
)

// maxShown bounds what is read of a local receiver's answer.
const maxShown = 64 << 10

// answered is what a URL answered to an event that was sent from here.
type answered struct {
	URL      string              `json:"url"`
	Status   int                 `json:"status,omitempty"`
	Error    string              `json:"error,omitempty"`
	Duration string              `json:"duration"`
	Header   map[string][]string `json:"header,omitempty"`
	Text     string              `json:"text,omitempty"`
	Base64   []byte              `json:"base64,omitempty"`
	took     time.Duration

	truncated bool // more was answered than is shown
	refused   bool // nobody took the request: it was surely not seen
}

func (a *answered) ok() bool { return a.Status/100 == 2 }

// summary is one word for it: 200, or what went wrong.
func (a *answered) summary() string {
	if a.Error != "" {
		return a.Error
	}
	return fmt.Sprint(a.Status)
}

// forwarder sends events from this machine. It follows no redirect and asks for no compression: what the receiver gets
// and answers is what is shown.
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

// send sends a request and never fails: what went wrong is part of the answer.
func (f *forwarder) send(ctx context.Context, r *request) *answered {
	a, start := &answered{URL: r.url}, time.Now()
	defer func() {
		a.took = time.Since(start)
		a.Duration = a.took.Round(time.Millisecond / 10).String()
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
		a.Error = "the answer broke off: " + sendError(err)
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

func sendError(err error) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		if ue.Timeout() {
			return "no answer in time"
		}
		err = ue.Err
	}
	return rootOf(err).Error()
}

// checkURL refuses what cannot be forwarded to.
func checkURL(flag, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usagef("%s %q: write a URL such as http://localhost:3000/hooks", flag, text)
	}
	return nil
}

// replayTo sends an event from here to a URL and shows the answer.
func (s *session) replayTo(ctx context.Context, cl *client.Client, project, id, to string, header []string) error {
	if err := checkURL("--to", to); err != nil {
		return err
	}
	extra, err := parseHeader(header)
	if err != nil {
		return err
	}
	r, err := s.original(ctx, cl, project, id)
	if err != nil {
		return err
	}
	r.url = to
	for name, values := range extra {
		r.header[name] = values
	}
	a := newForwarder(s.timeout).send(ctx, r)
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
