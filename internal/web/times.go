package web

import (
	"time"
	_ "time/tzdata" // zones are the browsers': the machine may know none

	"github.com/hookyard/hookyard"
)

// time reads a field that is a time, or a duration such as 24h that means so long ago. A time without a zone is in the
// browser's, which its script says in field tz, as the page's own times are; without it in UTC, as they are then.
func (v *visit) time(name string) (time.Time, error) {
	s := v.get(name)
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := hookyard.ParseDuration(s); err == nil && ago >= 0 {
		return time.Now().UTC().Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05",
		"2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, zone(v.get("tz"))); err == nil && t.Year() >= 1 &&
			t.Year() <= 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, hookyard.FieldErrorf(name,
		"Write a time such as 2026-01-31 12:00, or a duration before now such as 24h or 7d.")
}

// zone is a zone by its IANA name; UTC when there is none of that name, and never the server's own.
func zone(name string) *time.Location {
	if at, err := time.LoadLocation(name); err == nil && at != time.Local {
		return at
	}
	return time.UTC
}
