package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"serve", "user", "publish", "project", "event", "replay", "listen", "listAll", "list"}
	for typed, want := range map[string]string{
		"serv": "serve", "sevre": "serve", "pubish": "publish", "lsit": "list", "listall": "listAll", "x": "",
		"nothing": "", "proj": "project", "": "",
	} {
		if got := strings.Join(nearest(names, typed), " "); got != want {
			t.Errorf("%q: did you mean %q, want %q", typed, got, want)
		}
	}
}

func TestTimeFlag(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"10m": "2026-03-02T11:50:00Z", "1.5h": "2026-03-02T10:30:00Z", "3d": "2026-02-27T12:00:00Z",
		"2026-03-01T14:00:00Z":        "2026-03-01T14:00:00Z",
		"2026-03-01T14:00:00.5+01:00": "2026-03-01T13:00:00.5Z", "yesterday": "", "": "", "d": "", "2026-13-01": "",
	} {
		f := timeFlag{now: func() time.Time { return now }}
		err := f.Set(text)
		if got := f.t.UTC().Format(time.RFC3339Nano); want != "" && (err != nil || got != want) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
		if want == "" && err == nil {
			t.Errorf("%q was accepted as %s", text, f.t)
		}
	}
}

func TestBareEvents(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"hook update p h -e":            "hook update p h --events=",
		"hook update p h -e -d text":    "hook update p h --events= -d text",
		"hook add p h u -e a,b":         "hook add p h u -e a,b",
		"publish -e":                    "publish -e",
		"hook add -- p -e":              "hook add -- p -e",
		"-p o/p hook update h --events": "-p o/p hook update h --events=",
	} {
		if got := strings.Join(bareEvents(strings.Fields(args)), " "); got != want {
			t.Errorf("%s became %s, want %s", args, got, want)
		}
	}
}

// Received text cannot control the terminal, wherever it is printed.
func TestControlCharactersAreRemoved(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	s := &session{out: &out, err: &errs, env: func(string) (string, bool) { return "", false }, color: "never"}
	evil := "a\x1b[2Jb\x07"
	_ = s.println("%s", evil)
	s.say("%s", evil)
	_ = s.list([]string{"HEAD"}, [][]string{{evil + "\nsecond line"}})
	_ = s.card(field{"name", evil})
	_ = s.showHeader(map[string][]string{evil: {evil}})
	_ = s.exit(t.Context(), fmt.Errorf("%s", evil))
	if text := out.String() + errs.String(); strings.ContainsAny(text, "\x1b\x07") {
		t.Errorf("control characters came through: %q", text)
	}
	if strings.Contains(out.String(), "\nsecond") {
		t.Error("a cell breaks its row")
	}
}
