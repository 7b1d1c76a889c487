package hookyard

import (
	"net/http"
	"strings"
)

// Trace is a position in a distributed trace, in the form of W3C Trace Context. The zero Trace is none.
type Trace struct {
	Parent string // value of traceparent
	State  string // value of tracestate, or ""
}

// maxTraceState is the length in bytes of a tracestate that must be passed on (W3C Trace Context, 3.3.1.5).
const maxTraceState = 512

// TraceOf returns the trace that a request belongs to. A traceparent that is malformed or stands twice is none, and a
// tracestate that is malformed or too long is left out, as W3C Trace Context requires.
func TraceOf(h http.Header) Trace {
	values := h["Traceparent"]
	if len(values) != 1 {
		return Trace{}
	}
	parent := strings.TrimSpace(values[0])
	if !isTraceParent(parent) {
		return Trace{}
	}
	t := Trace{Parent: parent}
	if states := h["Tracestate"]; len(states) > 0 {
		if state := strings.TrimSpace(strings.Join(states, ",")); len(state) <= maxTraceState && isASCII(state) {
			t.State = state
		}
	}
	return t
}

// SetHeader adds t to the header of a request. The zero Trace adds nothing.
func (t Trace) SetHeader(h http.Header) {
	if t.Parent == "" {
		return
	}
	h["Traceparent"] = []string{t.Parent}
	delete(h, "Tracestate")
	if t.State != "" {
		h["Tracestate"] = []string{t.State}
	}
}

// String returns t as it is stored: traceparent and tracestate with a space between them.
func (t Trace) String() string {
	if t.State == "" {
		return t.Parent
	}
	return t.Parent + " " + t.State
}

// ParseTrace is the inverse of [Trace.String].
func ParseTrace(s string) Trace {
	parent, state, _ := strings.Cut(s, " ")
	return Trace{Parent: parent, State: state}
}

// isTraceParent reports whether s is version-traceid-parentid-flags in lower-case hex digits, with ids other than 0.
// Later versions than 00 may have more fields.
func isTraceParent(s string) bool {
	const version00 = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(s) < version00 || len(s) > maxTraceState || s[:2] == "ff" || !isASCII(s) || strings.ContainsAny(s, " \t") ||
		len(s) > version00 && (s[:2] == "00" || s[version00] != '-') {
		return false
	}
	for i := range version00 {
		c := s[i]
		if dash := i == 2 || i == 35 || i == 52; dash != (c == '-') ||
			!dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}

// isASCII reports whether s is printable ASCII, spaces and tabs included.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') })
}
