package cli

import "testing"

func TestTargetURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://localhost:3000/hooks": "http://localhost:3000/hooks", "https://a.example": "https://a.example",
		"3000": "http://localhost:3000", ":3000": "http://localhost:3000", "localhost:3000": "http://localhost:3000",
		"localhost:3000/hooks?a=1": "http://localhost:3000/hooks?a=1", "127.0.0.1:80": "http://127.0.0.1:80",
		"[::1]:3000/x": "http://[::1]:3000/x", "app.test": "http://app.test",
		"": "", "0": "", "70000": "", "ftp://a": "", "http://": "", "localhost:port": "", "/hooks": "",
	} {
		if got, err := targetURL("--forward-to", text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestWithTarget(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"http://h:1", "", "http://h:1"},
		{"http://h:1/hook?a=1&task=b", "", "http://h:1/hook?a=1&task=b"},
		{"http://h:1/hook", "/status/7?Sid=SM1&b=2", "http://h:1/hook/status/7?Sid=SM1&b=2"},
		{"http://h:1/hook/?a=1", "?b=%20", "http://h:1/hook/?a=1&b=%20"},
		{"http://h:1", "/a%2Fb", "http://h:1/a%2Fb"},
		{"http://h:1/hook", "/", "http://h:1/hook"},
	} {
		if got := withTarget(c[0], c[1]); got != c[2] {
			t.Errorf("%s and %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
