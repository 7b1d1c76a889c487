package format

import (
	"strings"
	"testing"
)

// TestWebGMESession checks that exactly the members that WebGME removes from the data are removed.
func TestWebGMESession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ data, want string }{
		{`{"projectId":"g+p","socket":{"id":1,"a":[{}]},"n":12345678901234567890,"webgmeToken":"t"}`,
			`{"projectId":"g+p","n":12345678901234567890}`},
		{`{"webgmeToken":"t"}`, `{}`},
		{`{ "socketId" : "s", "x": {"socket": 1} }`, `{"socketId":"s","x":{"socket": 1}}`},
		{`{"a":"socket",  "socketId":"s"}`, `{"a":"socket","socketId":"s"}`},
		{`["socket"]`, `["socket"]`},
		{`"webgmeToken"`, `"webgmeToken"`},
		{`{"a":  1}`, `{"a":  1}`},
	} {
		s, err := Shape(WebGME, input(published(t, "COMMIT", c.data)))
		if _, got, _ := strings.Cut(string(s.Body), `,"data":`); err != nil || got != c.want+"}" {
			t.Errorf("%s leaves as %s, %v; want %s", c.data, got, err, c.want)
		}
	}
}
