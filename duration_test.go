package hookyard

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1w": 7 * day, "1.5d": 36 * time.Hour, "-1d": -day, "0d": 0, "15s": 15 * time.Second,
		"1h30m":    90 * time.Minute,
		"720h0m0s": 30 * day, "0s": 0, "0": 0,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
		var d Duration
		if err := json.Unmarshal([]byte(`"`+text+`"`), &d); err != nil || time.Duration(d) != want {
			t.Errorf("JSON %q is %v, %v; want %v", text, time.Duration(d), err, want)
		}
		if again, err := ParseDuration(FormatDuration(want)); err != nil || again != want {
			t.Errorf("%q, as %v is written, is %v, %v", FormatDuration(want), want, again, err)
		}
	}
	for d, want := range map[time.Duration]string{
		30 * day: "30d", 2 * day: "2d", time.Hour: "1h", 15 * time.Second: "15s", 90 * time.Minute: "1h30m", 0: "0s",
		61 * time.Second: "1m1s", 5 * time.Minute: "5m",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v is written %q; want %q", d, got, want)
		}
	}
	for _, text := range []string{"", "d", "1x", "NaNd", "Infw", "1e300d", "1d12h", "1 d"} {
		if d, err := ParseDuration(text); CodeOf(err) != Invalid {
			t.Errorf("ParseDuration(%q) = %v, %v; want it refused", text, d, err)
		}
	}
}
