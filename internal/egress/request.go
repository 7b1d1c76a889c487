package egress

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// checkHeader refuses names and values that would break the syntax of the request, such as line breaks.
func checkHeader(h http.Header) *Error {
	for name, values := range h {
		if !hookyard.IsToken(name) {
			return blocked("the header name %q cannot be sent", name)
		}
		for _, v := range values {
			for i := range len(v) {
				if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
					return blocked("the header %s has a control character in its value and cannot be sent", name)
				}
			}
		}
	}
	return nil
}

// appendHeader appends the request line and the checked header, in the form that the peer of cn expects.
func (x *exchange) appendHeader(b []byte, cn *conn) []byte {
	t := &x.target
	b = append(b, x.method...)
	b = append(b, ' ')
	if cn.absolute {
		b = append(append(b, "http://"...), t.hostHeader...)
	}
	b = append(b, t.uri...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", t.hostHeader)
	if cn.proxyAuth != "" {
		b = appendField(b, "Proxy-Authorization", cn.proxyAuth)
	}
	var buf [32]string
	names := buf[:0]
	agent, auth := false, false
	for name := range x.r.Header {
		switch {
		case hookyard.IsFraming(name):
			continue
		case strings.EqualFold(name, "User-Agent"):
			agent = true
		case strings.EqualFold(name, "Authorization"):
			auth = true
		}
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range x.r.Header[name] {
			b = appendField(b, name, v)
		}
	}
	if !agent && x.c.userAgent != "" {
		b = appendField(b, "User-Agent", x.c.userAgent)
	}
	if !auth && t.auth != "" {
		b = appendField(b, "Authorization", t.auth)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(x.r.Body)), 10)
	return append(b, "\r\n\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
