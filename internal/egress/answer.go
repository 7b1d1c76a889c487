package egress

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

const (
	maxHeaderLines = 1000
	errHeader      = protocolError("the answer's header is malformed")
	errHeaderSize  = protocolError("the answer's header is larger than 64 KiB or 1,000 lines")
)

// head is the status line and header of a response.
type head struct {
	status int
	minor  byte // of HTTP/1.x, '0' or '1'
	header http.Header
}

// head reads and parses a status line and header, including the empty line. All strings of the result share one
// allocation.
func (b *reader) head() (head, error) {
	n, err := b.headBlock()
	if err != nil {
		return head{}, err
	}
	text := string(b.buf[b.r : b.r+n])
	b.r += n
	return parseHead(text)
}

// headBlock reads until the header is complete and returns its length. It replaces the line breaks of folded lines (RFC
// 9112 section 5.2) and control characters (RFC 9110 section 5.5) by spaces, so that every value is one line.
func (b *reader) headBlock() (int, error) {
	i := 0         // next byte to examine, relative to b.r
	lineStart := 0 // of the line that i is in
	lines := 0
	for {
		buf := b.buf[b.r:b.w]
		for ; i < len(buf); i++ {
			c := buf[i]
			if c >= ' ' && c != 0x7f || c == '\t' {
				if i == lineStart && c <= ' ' && lines > 1 {
					unfold(buf[:i])
				}
				continue
			}
			if c != '\n' {
				if c != '\r' || i+1 < len(buf) && buf[i+1] != '\n' {
					buf[i] = ' '
				} else if i+1 == len(buf) {
					break // whether it is a line break depends on the next byte
				}
				continue
			}
			if i == lineStart || i == lineStart+1 && buf[lineStart] == '\r' {
				return i + 1, nil
			}
			if lines++; lines > maxHeaderLines {
				return 0, errHeaderSize
			}
			lineStart = i + 1
		}
		if len(buf) > maxResponseHeader {
			return 0, errHeaderSize
		}
		if err := b.fill(); err == errLimit {
			return 0, errHeaderSize
		} else if err != nil {
			return 0, unexpected(err)
		}
	}
}

// unfold replaces the line break at the end of b by spaces.
func unfold(b []byte) {
	n := len(b)
	b[n-1] = ' '
	if n > 1 && b[n-2] == '\r' {
		b[n-2] = ' '
	}
}

// parseHead parses a status line and header.
func parseHead(text string) (head, error) {
	statusLine, rest, _ := strings.Cut(text, "\n")
	h, err := parseStatusLine(strings.TrimSuffix(statusLine, "\r"))
	if err != nil {
		return head{}, err
	}
	lines := strings.Count(rest, "\n") - 1 // without the empty one
	h.header = make(http.Header, max(lines, 0))
	values := make([]string, 0, max(lines, 0)) // one allocation for all headers with one value
	for {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			return h, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !hookyard.IsToken(name) {
			return head{}, errHeader
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		value = strings.Trim(value, " \t")
		if old := h.header[name]; old != nil {
			h.header[name] = append(old, value)
			continue
		}
		values = append(values, value)
		h.header[name] = values[len(values)-1 : len(values) : len(values)]
	}
}

// parseStatusLine parses "HTTP/1.1 200 OK". The reason may be missing.
func parseStatusLine(line string) (head, error) {
	const start = "HTTP/1."
	if len(line) < len(start)+len("1 200") || !strings.HasPrefix(line, start) {
		return head{}, protocolError("the answer is not HTTP/1.1")
	}
	minor, code := line[len(start)], line[len(start)+1:]
	if minor != '0' && minor != '1' || code[0] != ' ' {
		return head{}, protocolError("the answer is not HTTP/1.1")
	}
	code, _, _ = strings.Cut(strings.TrimLeft(code, " "), " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || status < 100 {
		return head{}, protocolError("the answer's status code is not a number from 100 to 999")
	}
	return head{status: int(status), minor: minor}, nil
}

// framing says where the body of a response ends (RFC 9112 section 6.3).
type framing struct {
	chunked   bool
	length    int64 // -1: until the connection is closed
	keepAlive bool
}

// framing returns the framing of the body that follows h in the response to a request with the given method.
func (h *head) framing(method string) (framing, error) {
	f := framing{length: -1, keepAlive: h.minor == '1' && !hasToken(h.header["Connection"], "close")}
	if method == http.MethodHead || h.status == http.StatusNoContent || h.status == http.StatusNotModified {
		f.length = 0
		return f, nil
	}
	lengths := h.header["Content-Length"]
	if te := h.header["Transfer-Encoding"]; te != nil {
		if len(te) != 1 || !strings.EqualFold(te[0], "chunked") {
			return f, protocolError("the answer's Transfer-Encoding is not chunked, which is all that can be read")
		}
		f.chunked = true
		// With both headers, or in HTTP/1.0, the next response on this connection might be misread (section 6.1).
		f.keepAlive = f.keepAlive && lengths == nil
		return f, nil
	}
	if lengths == nil {
		f.keepAlive = false
		return f, nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 63)
	if err != nil {
		return f, protocolError("the answer's Content-Length is not a number")
	}
	for _, l := range lengths[1:] {
		if l != lengths[0] {
			return f, protocolError("the answer has several values of Content-Length")
		}
	}
	f.length = int64(n)
	return f, nil
}

// hasToken reports whether the comma-separated values of a header contain word.
func hasToken(values []string, word string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), word) {
				return true
			}
		}
	}
	return false
}
