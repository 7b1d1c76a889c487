package hookyard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
)

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTraceOf(t *testing.T) {
	t.Parallel()
	none := hookyard.Trace{}
	for _, c := range []struct {
		name          string
		parent, state []string
		want          hookyard.Trace
	}{
		{"absent", nil, nil, none},
		{"parent", []string{traceParent}, nil, hookyard.Trace{Parent: traceParent}},
		{"state", []string{traceParent}, []string{"a=1", "b=2"}, hookyard.Trace{Parent: traceParent, State: "a=1,b=2"}},
		{"state without parent", nil, []string{"a=1"}, none},
		{"twice", []string{traceParent, traceParent}, nil, none},
		{"upper case", []string{strings.ToUpper(traceParent)}, nil, none},
		{"trace id 0", []string{"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, nil, none},
		{"parent id 0", []string{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}, nil, none},
		{"version ff", []string{"ff" + traceParent[2:]}, nil, none},
		{"more fields in version 00", []string{traceParent + "-x"}, nil, none},
		{"later version", []string{"01" + traceParent[2:] + "-x"}, nil,
			hookyard.Trace{Parent: "01" + traceParent[2:] + "-x"}},
		{"short", []string{traceParent[:54]}, nil, none},
		{"line break", []string{"01" + traceParent[2:] + "-x\ny: z"}, nil, none},
		{"long state", []string{traceParent}, []string{"a=" + strings.Repeat("x", 511)},
			hookyard.Trace{Parent: traceParent}},
		{"binary state", []string{traceParent}, []string{"a=\x01"}, hookyard.Trace{Parent: traceParent}},
	} {
		got := hookyard.TraceOf(http.Header{"Traceparent": c.parent, "Tracestate": c.state})
		if got != c.want {
			t.Errorf("%s: %+v; want %+v", c.name, got, c.want)
		}
		if back := hookyard.ParseTrace(got.String()); back != got {
			t.Errorf("%s: stored as %q, read as %+v", c.name, got.String(), back)
		}
	}
}

func FuzzTraceOf(f *testing.F) {
	f.Add(traceParent, "a=1")
	f.Add("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "")
	f.Add("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-a b", "")
	f.Fuzz(func(t *testing.T, parent, state string) {
		trace := hookyard.TraceOf(http.Header{"Traceparent": {parent}, "Tracestate": {state}})
		if back := hookyard.ParseTrace(trace.String()); back != trace {
			t.Errorf("stored as %q, read as %+v", trace.String(), back)
		}
		h := http.Header{}
		trace.SetHeader(h)
		if again := hookyard.TraceOf(h); again != trace {
			t.Errorf("sent as %v, read as %+v", h, again)
		}
	})
}
