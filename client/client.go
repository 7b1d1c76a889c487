// Package client is a client of hookyard's REST API. A [Client] has one method for each route. The package also defines
// the JSON that requests and responses hold, and the server encodes and decodes these types; nouns that look the same
// inside the server, such as [hookyard.Member], are those of the root package.
//
//	c, err := client.New("http://localhost:8080", os.Getenv("HOOKYARD_TOKEN"))
//	if err != nil {
//		return err
//	}
//	receipt, err := c.Publish(ctx, "shop/orders", client.Publication{Type: "order.created", Data: order})
//
// Data is any value that encoding/json encodes.
//
// Projects are named "owner/name". Ids of events and deliveries are as hookyard.NewID and hookyard.DeliveryID describe
// them; ids of hooks are chosen by the user.
//
// A response other than 2xx is an [*Error], which errors.Is compares with hookyard.ErrNotFound and its siblings. Any
// other error comes from the connection, and the request may or may not have been carried out.
// Reads and publications are repeated after errors that may pass, see [WithRetries]; a publication has a key by which
// the server knows a repeat. Set [Publication.IdempotencyKey] to publish again safely after an error, too.
//
// Only reads follow redirects: net/http turns a redirected POST into a GET without a body, so that a change would seem
// to succeed. A redirected change is an [*Error] that names the new address.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// MediaType is the value of the header X-WebGME-Media-Type of every response.
const MediaType = "webgme.v1"

// maxResponse bounds a response that is read into memory.
const maxResponse = 256 << 20

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	base      string // without a trailing slash
	token     string
	user      string
	password  string
	userAgent string
	http      *http.Client
	timeout   time.Duration // of a request whose response is read into memory; 0 means none

	streamIdle time.Duration // how long a stream may be silent
	revision   int64         // that changes are meant for; 0 means any, absent that there is none
	retries    int
}

// DefaultTimeout bounds a request, unless [WithHTTPClient] or the context's deadline does. Of a response that is a
// stream, it bounds the time until the header.
const DefaultTimeout = 30 * time.Second

// Option configures a [Client].
type Option func(*Client)

// WithHTTPClient makes the client send requests with a copy of h. Without this option, a request has [DefaultTimeout],
// unless its context has a deadline.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		sender := *h
		c.http, c.timeout = &sender, 0
	}
}

// WithPassword authenticates every request by user name and password. A token has precedence.
func WithPassword(user, password string) Option {
	return func(c *Client) { c.user, c.password = user, password }
}

// WithUserAgent sets the header User-Agent, which defaults to hookyard-client.
func WithUserAgent(name string) Option { return func(c *Client) { c.userAgent = name } }

// New returns a client of the server at baseURL, such as https://hooks.example.com, without /api. The token is a bearer
// token, or "" for none. New fails if baseURL is not an http or https URL. It does not connect.
func New(baseURL, token string, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("server %q: want a URL such as https://hooks.example.com", hookyard.MaskURL(baseURL))
	}
	c := &Client{base: strings.TrimRight(baseURL, "/"), token: token, userAgent: "hookyard-client",
		http: &http.Client{Transport: defaultTransport()}, timeout: DefaultTimeout, streamIdle: streamIdle,
		retries: DefaultRetries}
	for _, o := range opts {
		o(c)
	}
	c.http.CheckRedirect = redirects(c.http.CheckRedirect)
	return c, nil
}

func defaultTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // replaced by the program
		return http.DefaultTransport
	}
	t = t.Clone()
	t.ResponseHeaderTimeout = DefaultTimeout
	return t
}

// redirects returns a policy that follows the redirects of reads only, as next decides, or at most ten if that is nil.
func redirects(next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		switch {
		case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
			return http.ErrUseLastResponse
		case next != nil:
			return next(r, via)
		case len(via) >= 10:
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
}

// At returns a copy of c whose changes and deletions of a project, hook or source fail with hookyard.ErrConflict unless
// it has the given revision, that is, unless it is as the caller has read it.
func (c *Client) At(revision int64) *Client {
	at := *c
	at.revision = revision
	return &at
}

// absent is the revision of what does not exist.
const absent = -1

// IfAbsent returns a copy of c that creates and does not replace: PutProject and PutSource fail with
// hookyard.ErrConflict if there is one already.
func (c *Client) IfAbsent() *Client { return c.At(absent) }

// Page selects a part of a list.
type Page struct {
	Limit  int    // number of entries; 0 means 50
	Cursor string // of the previous page, or "" for the first
}

func (p Page) query() url.Values {
	q := url.Values{}
	p.add(q)
	return q
}

func (p Page) add(q url.Values) {
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
}

// addTimes adds since and until unless they are zero.
func addTimes(q url.Values, since, until time.Time) {
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	if !until.IsZero() {
		q.Set("until", until.UTC().Format(time.RFC3339Nano))
	}
}

// addText adds pairs of name and value, except those with an empty value.
func addText(q url.Values, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
}

// path returns /api and the escaped segments.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// checkPath returns an error if a segment of a path from [path] or [in] is empty, "." or "..": the request would reach
// another resource than the caller has named.
func checkPath(path string) error {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(strings.TrimPrefix(path, "/api"), "/")[1:]
	if len(segments) > 2 && segments[0] == "projects" {
		name := segments[1] + "/" + segments[2]
		if !isName(segments[1]) || !isName(segments[2]) {
			text, _ := url.PathUnescape(strings.TrimSuffix(name, "/"))
			return hookyard.FieldErrorf("project", "project %q: want owner/name", hookyard.Clean(text, 200))
		}
		segments = segments[3:]
	}
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			return hookyard.FieldErrorf("", "%q is not an id or name", s)
		}
	}
	return nil
}

// isName reports whether a path segment is the name of an owner or project.
func isName(s string) bool { return s != "" && s != "." && s != ".." && !strings.Contains(s, "%2F") }

// in returns the path of a project and the segments below it. [checkPath] refuses that of a name without a slash.
func in(project string, segments ...string) string {
	owner, name, _ := strings.Cut(project, "/")
	return path(append([]string{"projects", owner, name}, segments...)...)
}

// call sends body as JSON, unless it is nil, and decodes the JSON of the response into out, unless that is nil. It
// returns the status of a 2xx response, and an [*Error] for any other.
func (c *Client) call(ctx context.Context, method, path string, body, out any) (int, error) {
	return c.callWith(ctx, method, path, nil, body, out)
}

// callWith is call with additional headers.
func (c *Client) callWith(ctx context.Context, method, path string, header http.Header, body, out any) (int, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = hookyard.EncodeJSON(body); err != nil {
			return 0, err
		}
	}
	var status int
	err := c.retry(ctx, method == http.MethodGet || header["Idempotency-Key"] != nil,
		func(ctx context.Context) (err error) {
			status, err = c.exchange(ctx, method, path, header, sent, out)
			return err
		})
	return status, err
}

// exchange sends one request and decodes its response.
func (c *Client) exchange(ctx context.Context, method, path string, header http.Header, sent []byte, out any) (int,
	error) {
	resp, err := c.send(ctx, method, path, sent, header)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if method == http.MethodDelete && out == nil && resp.StatusCode != http.StatusNoContent {
		return resp.StatusCode, notOurs(method, path, fmt.Errorf("want 204, got %d", resp.StatusCode))
	}
	if out != nil {
		if err := json.Unmarshal(content, out); err != nil {
			return resp.StatusCode, notOurs(method, path, err)
		}
	}
	return resp.StatusCode, nil
}

var errNotOurs = errors.New("the response is not hookyard's")

// notOurs is the error for a 2xx response that no hookyard server sends: another program listens at the address.
func notOurs(method, path string, why error) error {
	return fmt.Errorf("%s %s: %w: %w; check the address of the server", method, path, errNotOurs, why)
}

// send returns a 2xx response, whose body the caller must close, and an [*Error] for any other.
func (c *Client) send(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response,
	error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", c.userAgent)
	for name, values := range header {
		r.Header[name] = values
	}
	switch {
	case method == http.MethodGet:
	case c.revision == absent:
		r.Header.Set("If-None-Match", "*")
	case c.revision != 0:
		r.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(c.revision, 10)))
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	} else if c.user != "" {
		r.SetBasicAuth(c.user, c.password)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer func() { _ = resp.Body.Close() }()
		return nil, errorOf(resp)
	}
	return resp, nil
}
