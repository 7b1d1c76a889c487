//go:build linux

package main

import (
	_ "embed" // about.md
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

//go:embed about.md
var about string // explains the table to its readers

// writeDocument writes a page with the table.
func writeDocument(w io.Writer, results []result) error {
	kernel := "Linux"
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel += " " + strings.TrimSpace(string(b))
	}
	_, err := fmt.Fprintf(w, "%s\n%s, %d of %d cells, %d processors, %s, %s:\n\n", about,
		time.Now().UTC().Format("2 January 2006"), len(results), len(matrix(flags{})), runtime.NumCPU(), kernel,
		runtime.Version())
	if err != nil {
		return err
	}
	return writeMarkdown(w, results)
}

// writeMarkdown writes the results as a table.
func writeMarkdown(w io.Writer, results []result) error {
	var b strings.Builder
	b.WriteString("| cell | acknowledged | lost | kept twice | delivered | twice (may be) | stuck | disorder | gaps " +
		"| recovery | slowest answer | clients saw | memory | verdict |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |\n")
	for _, r := range results {
		if r.Skipped != "" {
			fmt.Fprintf(&b, "| %s |%s skipped: %s |\n", r.Cell, strings.Repeat(" |", 12), inCell(r.Skipped))
			continue
		}
		verdict := "good"
		if wrong := judge(r); len(wrong) > 0 {
			verdict = "**" + inCell(strings.Join(wrong, "; ")) + "**"
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d (%d) | %d | %d | %d | %.1f s | %.1f s | %s | %d MiB | %s |\n",
			r.Cell, r.Acked, r.Lost, r.KeptTwice, r.Delivered, r.Twice, r.Allowed, r.Stuck, r.Disorder, r.Gaps,
			r.Recovery, r.Slowest, statuses(r.Statuses), r.Memory, verdict)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// inCell makes a text fit into a cell of a table.
func inCell(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, "|", "\\|")), " ")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}

// statuses lists what clients saw, most often first.
func statuses(m map[string]int) string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s × %d", name, m[name])
	}
	return strings.Join(names, ", ")
}

// writeJSON writes the results with their verdicts.
func writeJSON(w io.Writer, results []result) error {
	type judged struct {
		result
		Wrong []string `json:"wrong,omitempty"`
	}
	out := make([]judged, len(results))
	for i, r := range results {
		out[i] = judged{r, judge(r)}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
