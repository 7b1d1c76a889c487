package bin

import (
	"errors"
	"net/url"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// wire returns a bin as it goes over the wire.
func (b *Bins) wire(bin *hookyard.Bin) client.Bin {
	return client.Bin{Private: bin.Private, Color: [3]int{bin.Color >> 16 & 0xff, bin.Color >> 8 & 0xff,
		bin.Color & 0xff}, Name: bin.Name,
		RequestCount: bin.Requests, URL: b.o.BaseURL + "/" + bin.Name, Answer: bin.Answer, CreatedAt: bin.CreatedAt,
		ExpiresAt: bin.ExpiresAt}
}

// asEvent returns the event that a request to a bin would be.
func (b *Bins) asEvent(r *hookyard.BinRequest) *hookyard.Event {
	return &hookyard.Event{ContentType: r.Header.Get("Content-Type"), Header: r.Header, Body: r.Body,
		Decompress: b.o.Decompress}
}

// wireRequest returns a request to a bin as it goes over the wire: its body decompressed, if all of it was kept, and
// its bytes as they came.
func (b *Bins) wireRequest(r *hookyard.BinRequest) client.BinRequest {
	path, query, _ := strings.Cut(r.Path, "?")
	out := client.BinRequest{ID: r.ID, Time: float64(r.Time.UnixMicro()) / 1e6, RemoteAddr: r.Remote, Method: r.Method,
		Headers:     map[string]string{},
		QueryString: map[string]string{}, Raw: string(r.Body), FormData: [][2]string{}, Path: "/" + r.Bin + path,
		ContentLength: r.Size,
		ContentType:   r.Header.Get("Content-Type"), RawBase64: r.Body, Truncated: r.Size > int64(len(r.Body))}
	for name, values := range r.Header {
		out.Headers[name] = strings.Join(values, ", ")
	}
	values, _ := url.ParseQuery(query) // as far as it can be read
	for name := range values {
		out.QueryString[name] = values.Get(name)
	}
	plain := string(b.asEvent(r).Plain())
	if form, ok := formOf(r, plain); ok {
		out.FormData = form
	} else {
		out.Body = plain
	}
	return out
}

// formOf returns the fields of a form in their order.
func formOf(r *hookyard.BinRequest, body string) ([][2]string, bool) {
	if !hookyard.IsFormType(r.Header.Get("Content-Type")) {
		return nil, false
	}
	fields := [][2]string{}
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if errors.Join(err1, err2) != nil {
			return nil, false
		}
		if pair != "" {
			fields = append(fields, [2]string{n, v})
		}
	}
	return fields, true
}
