package web

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":             "plain",
		"a<b>&\"'":          "a&lt;b&gt;&amp;&#34;&#39;",
		"tab\tline\nback\r": "tab\tline\nback\r",
		"\u202egnp.exe":     `<i class="code" title="a character that would not show">\u202e</i>gnp.exe`,
		"a\x00b":            `a<i class="code" title="a character that would not show">\u0000</i>b`,
		"a\xffb":            `a<i class="code" title="a character that would not show">\xff</i>b`,
		"zürich 東京":         "zürich 東京",
	} {
		if got := string(visible(in)); got != want {
			t.Errorf("visible(%q) = %s, want %s", in, got, want)
		}
	}
}

var tags = regexp.MustCompile(`<i class="code" title="[^"]*">|</i>|<b class="[ksn]">|</b>`)

// FuzzVisible holds that no text of strangers becomes HTML, or holds what would not show.
func FuzzVisible(f *testing.F) {
	f.Add("<script>alert(1)</script>")
	f.Add("\u202e\x00\xff\u2066é")
	f.Fuzz(func(t *testing.T, s string) {
		out := string(visible(s))
		if !utf8.ValidString(out) || strings.ContainsFunc(out,
			func(r rune) bool { return hidden(r) && r != utf8.RuneError }) {
			t.Errorf("%q shows as %q", s, out)
		}
		if strings.ContainsAny(tags.ReplaceAllString(out, ""), "<>\"'") {
			t.Errorf("%q becomes HTML: %q", s, out)
		}
	})
}

// FuzzPrettyJSON holds that colours change nothing of what JSON says.
func FuzzPrettyJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2.50,"x\"</b>",true,null],"\u2066":{}}`))
	f.Add([]byte(`"only"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > prettyBody || !json.Valid(b) {
			return
		}
		out := string(prettyJSON(b))
		plain := tags.ReplaceAllString(out, "")
		if strings.ContainsAny(plain, "<>") {
			t.Fatalf("%q becomes HTML: %q", b, out)
		}
		if !utf8.Valid(b) || strings.ContainsFunc(string(b), hidden) {
			return // written out
		}
		var was, is any
		if json.Unmarshal(b, &was) != nil {
			return
		}
		text := html.UnescapeString(plain)
		if err := json.Unmarshal([]byte(text), &is); err != nil {
			t.Fatalf("%q shows as %q: %v", b, text, err)
		}
	})
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for in, want := range map[time.Duration]string{
		0: "0 µs", 730 * time.Microsecond: "730 µs", 4200 * time.Microsecond: "4.2 ms", 89 * time.Millisecond: "89 ms",
		1500 * time.Millisecond: "1.5 s", 90 * time.Second: "1 m 30 s", 26 * time.Hour: "1 d 2 h",
		24 * time.Hour: "1 d",
	} {
		if got := took(in); got != want {
			t.Errorf("took(%s) = %q, want %q", in, got, want)
		}
	}
	if got := num(-1234567); got != "-1\u202f234\u202f567" {
		t.Errorf("num = %q", got)
	}
	if got := percent(9999, 10000) + percent(1, 1) + percent(0, 0); got != "99.9 %100.0 %–" {
		t.Errorf("percent = %q", got)
	}
}

func TestSafeNext(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/a/b?x=1": "/a/b?x=1", "": "/", "//evil": "/", "/\\evil": "/", "https://evil": "/", "/login": "/",
		"javascript:alert(1)": "/", "/a\r\nX: y": "/",
	} {
		if got := safeNext(in); got != want {
			t.Errorf("safeNext(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCharts(t *testing.T) {
	t.Parallel()
	var counts hookyard.Counts
	for _, d := range []time.Duration{time.Millisecond, 6 * time.Millisecond, 6 * time.Millisecond, time.Minute} {
		counts.Attempt(&hookyard.Attempt{Status: 200, Duration: d})
	}
	c := histogram("Time to answer", &counts)
	if c.Rows[0].Parts[0] != 1 || c.Rows[1].Parts[0] != 2 || c.Rows[len(c.Rows)-1].Parts[0] != 1 || c.Most != 2 ||
		strings.Join(c.Ticks, ", ") != "5 ms, 50 ms, 500 ms, 5 s, 30 s" {
		t.Errorf("the bars are %v of at most %d, the ticks %v", c.Rows, c.Most, c.Ticks)
	}
	at := time.Date(2026, 2, 3, 4, 5, 0, 0, time.UTC)
	over := stacked("Attempts", []string{"accepted"}, []string{"good"}, []bucket{{At: at, Label: at.Format(briefLayout),
		Parts: []int{7}}})
	if want := `<title data-at="2026-02-03T04:05:00Z">3 Feb 04:05 UTC: 7 accepted</title>`; !strings.Contains(
		string(over.Picture), want) {
		t.Errorf("the chart over time lacks %s: %s", want, over.Picture)
	}
	first := `<time datetime="2026-02-03T04:05:00Z" data-brief>3 Feb 04:05 UTC</time>`
	if string(over.Ends()[0]) != first {
		t.Errorf("the first bar is %s, want %s", over.Ends()[0], first)
	}
	for _, want := range []string{`role="img"`, `aria-label="Time to answer: 4 in all, at most 2 in one bar"`,
		"<title>up to 5 ms: 1 answered</title>", "<title>5 ms – 10 ms: 2 answered</title>",
		"<title>over 30 s: 1 answered</title>"} {
		if !strings.Contains(string(c.Picture), want) {
			t.Errorf("the histogram lacks %s: %s", want, c.Picture)
		}
	}
	now := time.Now()
	odd := timeline(`"><script>`, now, now, []mark{{At: now.Add(-time.Hour), Took: 24 * time.Hour, Class: "bad",
		Title: "<b>"}})
	if strings.Contains(string(odd), "<script>") || strings.Contains(string(odd), "<b>") ||
		strings.Contains(string(odd), "NaN") || strings.Contains(string(odd), "Inf") {
		t.Errorf("the timeline is %s", odd)
	}
	for _, counts := range [][]int{nil, {0}, {1, 2, 3}} {
		if s := string(sparkline("x", counts)); strings.Contains(s, "NaN") {
			t.Errorf("the sparkline of %v is %s", counts, s)
		}
	}
}
