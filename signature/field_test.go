package signature

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

func TestField(t *testing.T) {
	t.Parallel()
	const body = ` {"skip":{"type":"no","a":["}","\"",{"x":[]}]},
		"n":-1.50e3,"t":true,"z":null,"o":{},"esc":"a\u0062\"c\n","":"empty name",
		"event":{"type":"a.b","list":[1,[2,"x"],{"k":"deep"}]},"type":"top"}`
	for path, want := range map[string]string{
		"type": "top", "event.type": "a.b", "event.list.0": "1", "event.list.1.1": "x", "event.list.2.k": "deep",
		"n": "-1.50e3", "t": "true",
		"esc": "ab\"c\n", "": "empty name",
		"z": "", "o": "", "event": "", "none": "", "event.none": "", "event.list.3": "", "event.list.-1": "",
		"event.list.k": "", "type.x": "", "o.x": "",
	} {
		if got := field([]byte(body), path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
	for _, bad := range []string{"", " ", "x", `"type"`, `{`, `{"type"`, `{"type":`, `{"type":"`, `{"type":"a`,
		`{"type":"\u00"}`, `{"a" "type":"b"}`,
		`{"a":1 "type":"b"}`, `{"a":,"type":"b"}`, `{"a":}"type":"b"}`, `[[[`, `{"type":nope}`,
		"{\"a\":\x00,\"type\":1}", "a=b&type=c",
		`{"type":"` + strings.Repeat("a", 2000) + `"}`, strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<18)} {
		if got := field([]byte(bad), "type"); got != "" {
			t.Errorf("%.40q has type %q", bad, got)
		}
	}
	if got := field([]byte("\xef\xbb\xbf{\"type\":\"a\"}"), "type"); got != "a" {
		t.Errorf("behind a byte order mark: %q", got)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	r := post("X-Type: from header\nX-Long: "+strings.Repeat("a", 257)+"\nX-Odd: a\x7fb",
		`{"type":"from body","line":"a\nb"}`)
	for p, want := range map[place]string{
		"": "", "X-Type": "from header", ".type": "from body", "X-None|.type": "from body",
		".none|X-Type": "from header",
		"X-Long|.type": "from body", "X-Odd": "", ".line": "",
	} {
		if got := p.find(r); got != want {
			t.Errorf("%q: got %q, want %q", p, got, want)
		}
	}
}

// FuzzField compares field with encoding/json: in JSON without duplicate names both find the same.
func FuzzField(f *testing.F) {
	for _, seed := range []string{`{"type":"a"}`, `{"event":{"type":"\u00e9\ud83d\ude00"},"type":1}`, `[{"type":"b"}]`,
		`{"a":[{}, "\\"],"type":true}`, `{"type":`, `{"a":"\"","type":"x"}`} {
		f.Add([]byte(seed), "type")
		f.Add([]byte(seed), "event.type")
		f.Add([]byte(seed), "0.type")
	}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		got := field(body, path)
		if len(got) > 6*maxName+2 {
			t.Fatalf("%d bytes", len(got))
		}
		var value any
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if !json.Valid(body) || d.Decode(&value) != nil || len(body) > maxName || strings.Contains(string(body), `\`) ||
			hasTwice(body) {
			return
		}
		if want := walk(value, strings.Split(path, ".")); got != want {
			t.Errorf("%q at %q: got %q, want %q", body, path, got, want)
		}
	})
}

func walk(v any, path []string) string {
	for _, name := range path {
		switch node := v.(type) {
		case map[string]any:
			v = node[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(node) {
				return ""
			}
			v = node[i]
		default:
			return ""
		}
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// hasTwice reports whether body may contain a name twice or one that is not UTF-8. There encoding/json uses the last
// one or replaces bytes.
func hasTwice(body []byte) bool {
	seen := map[string]bool{}
	for i, part := range strings.Split(string(body), `"`) {
		if i%2 == 1 && (seen[part] || strings.ToValidUTF8(part, "") != part) {
			return true
		}
		seen[part] = i%2 == 1
	}
	return false
}
