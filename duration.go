package hookyard

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Duration is a [time.Duration] that is a string such as "5m" in JSON. It also decodes from a number of seconds.
type Duration time.Duration

// MarshalJSON encodes d as a string such as "1m30s" or "5m", which [time.ParseDuration] accepts: in hours, not days.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(withoutZeros(time.Duration(d))) }

// UnmarshalJSON decodes a string that [ParseDuration] accepts, or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		v, err := ParseDuration(s)
		if err != nil {
			return err
		}
		*d = Duration(v)
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil || f > 1e9 || f < -1e9 {
		return FieldErrorf("", "a duration is a string such as \"5s\", \"10m\" or \"2h\"")
	}
	*d = Duration(f * float64(time.Second))
	return nil
}

// Set parses s by [ParseDuration]. With String and Type it makes a Duration the value of a command-line flag.
func (d *Duration) Set(s string) error {
	v, err := ParseDuration(s)
	*d = Duration(v)
	return err
}

// String formats d by [FormatDuration]. Zero is "0", which usage messages do not print as a default.
func (d *Duration) String() string {
	if *d == 0 {
		return "0"
	}
	return FormatDuration(time.Duration(*d))
}

// Type is the name of the value in usage messages.
func (d *Duration) Type() string { return "duration" }

// ParseDuration is [time.ParseDuration] with days and weeks, which stand alone: 30d, 1.5d, 2w. Its errors have the code
// [Invalid].
func ParseDuration(s string) (time.Duration, error) {
	for _, u := range [...]struct {
		name  string
		hours float64
	}{{"d", 24}, {"w", 7 * 24}} {
		n, err := strconv.ParseFloat(strings.TrimSuffix(s, u.name), 64)
		if days := n * u.hours / 24; strings.HasSuffix(s, u.name) && err == nil && days > -100_000 && days < 100_000 {
			return time.Duration(n * u.hours * float64(time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, FieldErrorf("", "%q is not a duration; write for example 5s, 10m, 2h or 30d", Clean(s, 50))
	}
	return d, nil
}

// FormatDuration formats d without zero units, and in days where possible: 30d for 720h0m0s, 1h for 1h0m0s.
// [ParseDuration] is its inverse.
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return withoutZeros(d)
}

// withoutZeros formats d without zero minutes and seconds at the end.
func withoutZeros(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
