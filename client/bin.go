package client

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// BinKeyHeader carries the key of a bin: it opens a private one, and deletes any.
const BinKeyHeader = "X-Bin-Key"

// Bin is a throw-away URL that keeps what somebody sends to it. The first four members are RequestBin's.
type Bin struct {
	Private      bool             `json:"private"`
	Color        [3]int           `json:"color"`
	Name         string           `json:"name"`
	RequestCount int64            `json:"request_count"`
	URL          string           `json:"url" doc:"where to send"`
	Key          string           `json:"key,omitempty" doc:"shown once, to whoever made the bin"`
	Answer       *hookyard.Answer `json:"answer,omitempty"`
	CreatedAt    time.Time        `json:"createdAt"`
	ExpiresAt    time.Time        `json:"expiresAt"`
}

// BinWish says what a new bin is to be, or what one is to answer. The zero value answers 200 and ok.
type BinWish struct {
	Private bool              `json:"private,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Delay   hookyard.Duration `json:"delay,omitempty"`
}

// BinRequest is one request to a bin, as RequestBin shows it, and its exact bytes.
type BinRequest struct {
	ID            string            `json:"id"`
	Time          float64           `json:"time" doc:"seconds since 1970"`
	RemoteAddr    string            `json:"remote_addr"`
	Method        string            `json:"method"`
	Headers       map[string]string `json:"headers"`
	QueryString   map[string]string `json:"query_string"`
	Raw           string            `json:"raw"`
	FormData      [][2]string       `json:"form_data"`
	Body          string            `json:"body"`
	Path          string            `json:"path"`
	ContentLength int64             `json:"content_length"`
	ContentType   string            `json:"content_type"`
	RawBase64     []byte            `json:"rawBase64"`
	Truncated     bool              `json:"truncated,omitempty" doc:"raw is not all that came"`
}

// BinSourceWish asks for a source for what sends to a bin.
type BinSourceWish struct {
	Project string `json:"project"` // owner/name
	Name    string `json:"name"`
	Type    string `json:"type,omitempty"` // "": found out from the request
	Secret  string `json:"secret,omitempty"`
	Request string `json:"request,omitempty"` // to try it on; "" means the newest
}

// BinSource is a source that was made from a bin.
type BinSource struct {
	Project  string `json:"project"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	URL      string `json:"url"`
	Request  string `json:"request,omitempty"`
	Verified bool   `json:"verified" doc:"it would have taken that request"`
	Reason   string `json:"reason,omitempty"`
}

func binKey(key string) http.Header {
	if key == "" {
		return nil
	}
	return http.Header{http.CanonicalHeaderKey(BinKeyHeader): {key}}
}

// CreateBin makes a bin. Its Key is in this answer only.
func (c *Client) CreateBin(ctx context.Context, w BinWish) (Bin, error) {
	var out Bin
	_, err := c.call(ctx, http.MethodPost, path("bins"), w, &out)
	return out, err
}

// Bin returns a bin. key may be "" for one that is not private, as with the methods below.
func (c *Client) Bin(ctx context.Context, name, key string) (Bin, error) {
	var out Bin
	_, err := c.callWith(ctx, http.MethodGet, path("bins", name), binKey(key), nil, &out)
	return out, err
}

// SetBinAnswer changes what a bin answers from now on; the key is needed for that. Whether it is private stays.
func (c *Client) SetBinAnswer(ctx context.Context, name, key string, w BinWish) (Bin, error) {
	var out Bin
	_, err := c.callWith(ctx, http.MethodPut, path("bins", name, "answer"), binKey(key), w, &out)
	return out, err
}

// DeleteBin deletes a bin; the key is needed for that.
func (c *Client) DeleteBin(ctx context.Context, name, key string) error {
	_, err := c.callWith(ctx, http.MethodDelete, path("bins", name), binKey(key), nil, nil)
	return err
}

// BinRequests returns what a bin has kept, the newest first.
func (c *Client) BinRequests(ctx context.Context, name, key string) ([]BinRequest, error) {
	var out []BinRequest
	_, err := c.callWith(ctx, http.MethodGet, path("bins", name, "requests"), binKey(key), nil, &out)
	return out, err
}

// BinRequest returns one request to a bin.
func (c *Client) BinRequest(ctx context.Context, name, key, id string) (BinRequest, error) {
	var out BinRequest
	_, err := c.callWith(ctx, http.MethodGet, path("bins", name, "requests", id), binKey(key), nil, &out)
	return out, err
}

// BinCurl returns a request to a bin as a curl command.
func (c *Client) BinCurl(ctx context.Context, name, key, id string) (string, error) {
	header := http.Header{"Accept": {"text/plain"}}
	for k, v := range binKey(key) {
		header[k] = v
	}
	resp, err := c.send(ctx, http.MethodGet, path("bins", name, "requests", id, "curl"), nil, header)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return string(b), err
}

// BinSource makes a source for what sends to a bin.
func (c *Client) BinSource(ctx context.Context, name, key string, w BinSourceWish) (BinSource, error) {
	var out BinSource
	_, err := c.callWith(ctx, http.MethodPost, path("bins", name, "source"), binKey(key), w, &out)
	return out, err
}
