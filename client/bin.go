package client

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// BinKeyHeader is the header for the key of a bin, which is needed to read a private bin and to change or delete any.
const BinKeyHeader = "X-Bin-Key"

// Bin is a throw-away URL that stores the requests sent to it. The first four members are RequestBin's.
type Bin struct {
	Private      bool             `json:"private"`
	Color        [3]int           `json:"color"`
	Name         string           `json:"name"`
	RequestCount int64            `json:"request_count"`
	URL          string           `json:"url" doc:"to send requests to"`
	Key          string           `json:"key,omitempty" doc:"shown once, to the creator of the bin"`
	Answer       *hookyard.Answer `json:"answer,omitempty"`
	CreatedAt    time.Time        `json:"createdAt"`
	ExpiresAt    time.Time        `json:"expiresAt"`
}

// BinSettings are the settings of a new bin, or the answer of an existing one. The zero value answers 200 and "ok".
type BinSettings struct {
	Private bool              `json:"private,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Delay   hookyard.Duration `json:"delay,omitempty"`
}

// BinRequest is one request to a bin in the form of RequestBin, with its exact bytes.
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
	Truncated     bool              `json:"truncated,omitempty" doc:"the request was longer than raw"`
}

// BinSourceRequest asks for a source for the sender of a bin's requests.
type BinSourceRequest struct {
	Project string `json:"project"` // owner/name
	Name    string `json:"name"`
	Type    string `json:"type,omitempty"` // "" means to guess it from the request
	Secret  string `json:"secret,omitempty"`
	Request string `json:"request,omitempty"` // to verify with the new source; "" means the newest
}

// BinSource is a source created from a bin.
type BinSource struct {
	Project  string `json:"project"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	URL      string `json:"url"`
	Request  string `json:"request,omitempty"`
	Verified bool   `json:"verified" doc:"whether the source accepts that request"`
	Reason   string `json:"reason,omitempty"`
}

// BinReplay is what came back for a stored request that was sent to a URL.
type BinReplay struct {
	Status   int                 `json:"status,omitempty"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Body     string              `json:"body,omitempty"`
	Error    string              `json:"error,omitempty" doc:"why nothing came back, or not all of it"`
	Duration hookyard.Duration   `json:"duration,omitempty"`
}

// BinTarget says where to send a stored request.
type BinTarget struct {
	URL string `json:"url"`
}

func binKey(key string) http.Header {
	if key == "" {
		return nil
	}
	return http.Header{http.CanonicalHeaderKey(BinKeyHeader): {key}}
}

// CreateBin creates a bin. No other response contains its Key.
func (c *Client) CreateBin(ctx context.Context, s BinSettings) (Bin, error) {
	var out Bin
	_, err := c.call(ctx, http.MethodPost, path("bins"), s, &out)
	return out, err
}

// Bin returns a bin. Like the other methods that read a bin, it needs the key only if the bin is private.
func (c *Client) Bin(ctx context.Context, name, key string) (Bin, error) {
	var out Bin
	_, err := c.callWith(ctx, http.MethodGet, path("bins", name), binKey(key), nil, &out)
	return out, err
}

// SetBinAnswer changes the answer of a bin. It needs the key and ignores Private.
func (c *Client) SetBinAnswer(ctx context.Context, name, key string, s BinSettings) (Bin, error) {
	var out Bin
	_, err := c.callWith(ctx, http.MethodPut, path("bins", name, "answer"), binKey(key), s, &out)
	return out, err
}

// DeleteBin deletes a bin. It needs the key.
func (c *Client) DeleteBin(ctx context.Context, name, key string) error {
	_, err := c.callWith(ctx, http.MethodDelete, path("bins", name), binKey(key), nil, nil)
	return err
}

// BinRequests returns the stored requests of a bin, newest first.
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
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	return string(b), err
}

// BinSource creates a source for the sender of a bin's requests.
func (c *Client) BinSource(ctx context.Context, name, key string, r BinSourceRequest) (BinSource, error) {
	var out BinSource
	_, err := c.callWith(ctx, http.MethodPost, path("bins", name, "source"), binKey(key), r, &out)
	return out, err
}
