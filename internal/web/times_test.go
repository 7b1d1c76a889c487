package web

import (
	"net/url"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

func TestTimesTyped(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		out, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		typed, zone string
		want        time.Time
	}{
		{"2026-11-26 12:15", "", at("2026-11-26T12:15:00Z")},
		{"2026-11-26 12:15", "Europe/Berlin", at("2026-11-26T11:15:00Z")},
		{"2026-07-26T12:14:54", "Europe/Berlin", at("2026-07-26T10:14:54Z")},
		{"2026-11-26", "America/New_York", at("2026-11-26T05:00:00Z")},
		{"2026-11-26T12:00:00Z", "Europe/Berlin", at("2026-11-26T12:00:00Z")},
		{"2026-11-26 12:15:01", "Local", at("2026-11-26T12:15:01Z")},
		{"2026-11-26 12:15", "../../etc/passwd", at("2026-11-26T12:15:00Z")},
		{"1d", "", time.Now().Add(-24 * time.Hour)},
		{"2w", "", time.Now().Add(-14 * 24 * time.Hour)},
		{"90m", "", time.Now().Add(-90 * time.Minute)},
		{"", "", time.Time{}},
	} {
		v := &visit{form: url.Values{"since": {c.typed}, "tz": {c.zone}}}
		got, err := v.time("since")
		if off := got.Sub(c.want).Abs(); err != nil || off > time.Minute {
			t.Errorf("%q in %q is %s, %v; want %s", c.typed, c.zone, got, err, c.want)
		}
	}
	for _, typed := range []string{"soon", "-1d", "d", "-5m", "2026-13-01"} {
		v := &visit{form: url.Values{"since": {typed}}}
		if got, err := v.time("since"); hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("%q is %s, %v", typed, got, err)
		}
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"url must begin": "Url must begin", "relaySecret is": "relaySecret is",
		"off.policy must": "off.policy must", "": "", "\"x\" is": "\"x\" is"} {
		if got := sentence(in); got != want {
			t.Errorf("sentence(%q) = %q, want %q", in, got, want)
		}
	}
}
