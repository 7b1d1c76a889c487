package web

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// functions are what templates call.
func functions() template.FuncMap {
	return template.FuncMap{
		"when":     when,
		"ahead":    ahead,
		"status":   status,
		"took":     took,
		"wait":     wait,
		"left":     func(d hookyard.Duration) string { return wait(time.Duration(d)) },
		"exact":    exact,
		"size":     size,
		"num":      num,
		"num64":    func(n int64) string { return num(int(n)) },
		"vis":      visible,
		"short":    short,
		"brief":    func(s string) string { return hookyard.CleanLine(s, 200) },
		"sentence": sentence,
		"tr":       func(v any) string { return fmt.Sprint(v) }, // portals translate
		"label":    labelOf,
		"states":   states,
		"dict":     dict,
		"plural":   plural,
		"plural64": func(n int64, noun string) string { return plural(int(n), noun) },
		"percent":  percent,
		"join2":    strings.Fields,
		"hide":     hookyard.MaskURL,
		"segment":  template.URLQueryEscaper,
		"path":     func(parts ...string) string { return join(parts...) },
	}
}

// when shows a time in UTC. The page's script changes it to the viewer's zone and shows UTC on hover.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339Nano) + `">` + t.Format("2006-01-02 15:04:05") +
		` UTC</time>`)
}

// brief is when for charts, without seconds and without the year.
func brief(t time.Time) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" data-brief>` + t.Format(briefLayout) +
		`</time>`)
}

const briefLayout = "2 Jan 15:04 UTC"

// status says what happens to a pending delivery now, or "".
func status(d hookyard.Delivery) template.HTML {
	before := ""
	switch {
	case d.Position > hookyard.MaxPosition:
		before = ", over " + num(hookyard.MaxPosition) + " before it"
	case d.Position > 1:
		before = ", " + num(d.Position-1) + " before it"
	case d.Position == 1:
		before = ", next"
	}
	switch d.Status {
	case hookyard.Queued:
		return template.HTML("queued" + before)
	case hookyard.Sending:
		return "sending now"
	case hookyard.Held:
		return template.HTML("held back: " + strconv.FormatFloat(d.Rate, 'f', -1, 64) + " a second" + before)
	case hookyard.Resting:
		return "hook rests until " + when(d.Due)
	case hookyard.Scheduled:
		return "next try " + when(d.Due)
	}
	return ""
}

func ahead(t time.Time) bool { return t.After(time.Now()) }

// took shows how long something took.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return wait(d)
}

// exact shows a duration to a tenth of a second, also one before zero.
func exact(d hookyard.Duration) string {
	return hookyard.FormatDuration(time.Duration(d).Round(100 * time.Millisecond))
}

// wait shows a duration by its two largest units.
func wait(d time.Duration) string {
	d = d.Round(time.Second)
	parts := []struct {
		unit string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	var out []string
	for _, p := range parts {
		if n := d / p.size; n > 0 && len(out) < 2 {
			out = append(out, fmt.Sprintf("%d %s", n, p.unit))
			d -= n * p.size
		} else if len(out) > 0 {
			break
		}
	}
	if len(out) == 0 {
		return "0 s"
	}
	return strings.Join(out, " ")
}

func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// num shows a number with its thousands separated.
func num(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "\u202f" + s[at:]
	}
	return s
}

// plural counts with the thousands apart: 1 hook, 2 hooks.
func plural(n int, noun string) string {
	if n != 1 {
		noun = hookyard.Plural(noun)
	}
	return num(n) + " " + noun
}

func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	if p > 99.9 && part < whole {
		p = 99.9 // not 100 when something failed
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + " %"
}

// short returns an id as lists show it.
func short(id string) string {
	head, rest, ok := strings.Cut(id, "_")
	if !ok || len(rest) < 12 {
		return id
	}
	return head + "_…" + rest[len(rest)-8:]
}

// dict returns a map of pairs, so that a template can be given more than one value.
func dict(pairs ...any) map[string]any {
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// stateCount is how many deliveries are in a state.
type stateCount struct {
	State hookyard.State
	N     int
}

// states lists counts in a fixed order.
func states(counts map[hookyard.State]int) []stateCount {
	var out []stateCount
	for _, s := range []hookyard.State{hookyard.Delivered, hookyard.Pending, hookyard.Failed, hookyard.Skipped,
		hookyard.Canceled} {
		if counts[s] > 0 {
			out = append(out, stateCount{s, counts[s]})
		}
	}
	return out
}

// visible shows text that a caller sent. It escapes HTML, and writes out invalid bytes and the characters that do not
// show or that change how others do.
func visible(v any) template.HTML {
	s := fmt.Sprint(v)
	if !slices.ContainsFunc([]rune(s), hidden) && utf8.ValidString(s) {
		return template.HTML(template.HTMLEscapeString(s))
	}
	var b strings.Builder
	plain := 0
	flush := func(to int) {
		template.HTMLEscape(&b, []byte(s[plain:to]))
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && n == 1
		if bad || hidden(r) {
			flush(i)
			code := fmt.Sprintf(`\u%04x`, r)
			if bad {
				code = fmt.Sprintf(`\x%02x`, s[i])
			}
			b.WriteString(`<i class="code" title="a character that would not show">` + code + `</i>`)
			plain = i + n
		}
		i += n
	}
	flush(len(s))
	return template.HTML(b.String())
}

// hidden reports whether a character does not show as itself: control characters other than line breaks and tabs, and
// format characters such as those that change the direction of text.
func hidden(r rune) bool {
	switch r {
	case '\n', '\t', '\r':
		return false
	case utf8.RuneError, 0x2028, 0x2029, 0x115f, 0x1160, 0x3164:
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// sentence capitalizes the first letter of a message, unless its first word is a name such as eventTypes.
func sentence(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// hexDump shows at most limit bytes of b.
func hexDump(b []byte, limit int) string { return hex.Dump(b[:min(len(b), limit)]) }

// headerLine is one header as a page shows it.
type headerLine struct{ Name, Value string }

func headerLines(h http.Header) []headerLine {
	var out []headerLine
	for name, values := range h {
		for _, v := range values {
			out = append(out, headerLine{name, v})
		}
	}
	slices.SortFunc(out, func(a, b headerLine) int { return strings.Compare(a.Name, b.Name) })
	return out
}
