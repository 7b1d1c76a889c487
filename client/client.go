// Package client speaks hookyard's REST API: one method for each route, and the types of everything that goes over the
// wire. The server uses the same types, so there is one definition of each shape.
//
//	c, err := client.New("http://localhost:8080", os.Getenv("HOOKYARD_TOKEN"))
//	receipt, err := c.Publish(ctx, "shop/orders", client.Publication{Type: "order.created", Data: order})
//
// Projects are named "owner/name". Every error that the server answered is an [*Error].
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MediaType is what every answer carries in the header X-WebGME-Media-Type.
const MediaType = "webgme.v1"

// maxAnswer bounds what is read of one answer that is kept in memory.
const maxAnswer = 256 << 20

// Client speaks to one server. It is safe for concurrent use.
type Client struct {
	base      string // without a slash at the end
	token     string
	user      string
	password  string
	userAgent string
	http      *http.Client
}

// Option changes a [Client] that is being made.
type Option func(*Client)

// WithHTTPClient sends through h instead of [http.DefaultClient].
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithPassword signs in by name and password with every request, for want of a token.
func WithPassword(user, password string) Option {
	return func(c *Client) { c.user, c.password = user, password }
}

// WithUserAgent names the program that speaks.
func WithUserAgent(name string) Option { return func(c *Client) { c.userAgent = name } }

// New makes a client of the server at baseURL, such as https://hooks.example.com, without /api. token is a bearer
// token, or "" where none is needed. It fails when baseURL is not an http or https URL; it does not connect.
func New(baseURL, token string, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("server %q: want a URL such as https://hooks.example.com", baseURL)
	}
	c := &Client{base: strings.TrimRight(baseURL, "/"), token: token, userAgent: "hookyard-client",
		http: http.DefaultClient}
	for _, o := range opts {
		o(c)
	}
	return c, nil
}

// Page says which part of a list is wanted.
type Page struct {
	Limit  int    // entries; 0 means 50
	Cursor string // of the page before, or ""
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

// addTimes adds since and until where they are set.
func addTimes(q url.Values, since, until time.Time) {
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	if !until.IsZero() {
		q.Set("until", until.UTC().Format(time.RFC3339Nano))
	}
}

func addText(q url.Values, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
}

// path joins the segments below /api, each escaped.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// in is path below a project. A name without a slash gives a path that the server does not know.
func in(project string, segments ...string) string {
	owner, name, _ := strings.Cut(project, "/")
	return path(append([]string{"projects", owner, name}, segments...)...)
}

// call sends a request whose body is the JSON of body, unless that is nil, and reads the JSON of the answer into out,
// unless that is nil. It returns the status of a 2xx, and an [*Error] for every other.
func (c *Client) call(ctx context.Context, method, path string, body, out any) (int, error) {
	return c.callWith(ctx, method, path, nil, body, out)
}

// callWith is call with headers of one's own.
func (c *Client) callWith(ctx context.Context, method, path string, header http.Header, body, out any) (int, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = encode(body); err != nil {
			return 0, err
		}
	}
	resp, err := c.send(ctx, method, path, sent, header)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if out != nil && len(answer) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			return resp.StatusCode, fmt.Errorf("%s %s: the answer is not what hookyard answers: %w", method, path, err)
		}
	}
	return resp.StatusCode, nil
}

// encode writes JSON and leaves <, > and & alone, so that what is published arrives as it was.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// send returns the answer when it is a 2xx; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response,
	error) {
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
