package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/hookyard/hookyard"
)

// The colours are among the terminal's own sixteen, so they suit its background.
const (
	red    = "1"
	green  = "2"
	yellow = "3"
	blue   = "4"
	grey   = "8"
	bold   = "bold"
)

// json prints v, indented, on stdout. HTML characters are not escaped.
func (s *session) json(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// show prints v as JSON with --json and calls text otherwise.
func (s *session) show(v any, text func() error) error {
	if s.asJSON {
		return s.json(v)
	}
	return text()
}

// println prints a line of data on stdout. Control characters in args are removed.
func (s *session) println(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out, format+"\n", cleanArgs(args)...)
	return err
}

// say prints a message on stderr, except with --quiet or --json.
func (s *session) say(format string, args ...any) {
	if !s.quiet && !s.asJSON {
		_, _ = fmt.Fprintf(s.err, format+"\n", cleanArgs(args)...)
	}
}

// cleanArgs removes control characters from string arguments, so that received text cannot control the terminal.
// Painted text is not changed.
func cleanArgs(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if text, ok := a.(string); ok {
			a = cleanText(text)
		}
		out[i] = a
	}
	return out
}

// painted is text that may contain colour sequences and has already been cleaned.
type painted string

// cleanText removes control characters from text, except line breaks and tabs.
func cleanText(text string) string { return hookyard.Clean(text, 1<<30) }

// cell returns the cleaned text on one line.
func cell(text string) string {
	return hookyard.CleanLine(text, 1<<30)
}

func (s *session) paint(color, text string) painted    { return painted(s.paintOn(s.out, color, text)) }
func (s *session) paintErr(color, text string) painted { return painted(s.paintOn(s.err, color, text)) }

func (s *session) paintOn(w io.Writer, color, text string) string {
	text = cleanText(text)
	if !s.colored(w) || color == "" {
		return text
	}
	if color == bold {
		return lipgloss.NewStyle().Bold(true).Render(text)
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Color(color)).Render(text)
}

func (s *session) colored(w io.Writer) bool {
	if v, ok := s.env("NO_COLOR"); ok && v != "" && s.color == "auto" {
		return false
	}
	return s.color == "always" || s.color == "auto" && isTerminal(w)
}

// list prints a table; with --quiet it prints only the first column.
func (s *session) list(head []string, rows [][]string) error {
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
	}
	switch {
	case s.quiet:
		for _, row := range rows {
			if err := s.println("%s", row[0]); err != nil {
				return err
			}
		}
		return nil
	case s.colored(s.out) || isTerminal(s.out):
		return s.styledTable(head, rows)
	}
	w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

func (s *session) styledTable(head []string, rows [][]string) error {
	t := table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderColumn(false).BorderHeader(false).Headers(head...).Rows(rows...)
	t.StyleFunc(func(row, col int) lipgloss.Style {
		style := lipgloss.NewStyle().PaddingRight(2)
		if !s.colored(s.out) {
			return style
		}
		if row == table.HeaderRow {
			return style.Bold(true)
		}
		if c := stateColor(rows[row][col]); c != "" {
			return style.Foreground(lipgloss.Color(c))
		}
		return style
	})
	if over := lipgloss.Width(t.String()) - s.width(); s.width() > 0 && over > 0 && len(rows) > 0 {
		t.ClearRows().Rows(cutColumns(rows, over)...)
	}
	_, err := fmt.Fprintln(s.out, t.String())
	return err
}

// cutColumns makes a table narrower by over cells. It shortens the last columns first, which are free text and URLs.
// The first column holds identifiers and is never shortened.
func cutColumns(rows [][]string, over int) [][]string {
	const least = 12
	for col := len(rows[0]) - 1; col > 0 && over > 0; col-- {
		longest := 0
		for _, row := range rows {
			longest = max(longest, lipgloss.Width(row[col]))
		}
		room := max(longest-over, least)
		if longest <= room {
			continue
		}
		over -= longest - room
		for _, row := range rows {
			if text := &row[col]; lipgloss.Width(*text) > room {
				*text = lipgloss.NewStyle().MaxWidth(room-1).Render(*text) + "…"
			}
		}
	}
	return rows
}

// width returns the width of the terminal, or 0 if stdout is not one.
func (s *session) width() int {
	f, ok := s.out.(*os.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// when formats a time for a table: short on a terminal, complete where a program may read it.
func (s *session) when(t time.Time) string {
	switch now := time.Now(); {
	case t.IsZero() || !isTerminal(s.out):
		return localTime(t)
	case t.Local().Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Local().Format(time.TimeOnly)
	}
	return t.Local().Format("2006-01-02 15:04")
}

// stateColor returns the colour of a word for a state, or "".
func stateColor(word string) string {
	switch hookyard.State(word) {
	case hookyard.Delivered, "active", "done", "yes":
		return green
	case hookyard.Failed, "off":
		return red
	case hookyard.Pending, "running":
		return yellow
	case hookyard.Skipped, hookyard.Canceled, "-":
		return grey
	}
	return ""
}

// field is a line of a card.
type field struct{ name, value string }

// card prints the fields of one object, one a line. Fields without a value are omitted.
func (s *session) card(fields ...field) error {
	longest := 0
	for _, f := range fields {
		if f.value != "" {
			longest = max(longest, len(f.name))
		}
	}
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		value := s.paint(stateColor(f.value), strings.ReplaceAll(f.value, "\n", "\n"+strings.Repeat(" ", longest+2)))
		if err := s.println("%s  %s", s.paint(grey, f.name+strings.Repeat(" ", longest-len(f.name))),
			value); err != nil {
			return err
		}
	}
	return nil
}

// more tells the user how to get the next page, or that the list is empty.
func (s *session) more(shown int, what, cursor string) {
	if cursor != "" {
		s.say("%s shown; next page: --cursor %s", hookyard.Count(shown, what), cursor)
	} else if shown == 0 {
		s.say("no %s", hookyard.Plural(what))
	}
}

// bar returns a progress bar that shows only on a terminal. A total of -1 means unknown.
func (s *session) bar(total int64, what string) *progressbar.ProgressBar {
	if !isTerminal(s.err) || s.quiet || s.asJSON {
		return progressbar.DefaultSilent(total)
	}
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(s.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
}
