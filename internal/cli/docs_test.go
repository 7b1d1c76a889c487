package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommandsInDocuments holds that the commands that the documents show exist and have the flags they are shown with.
func TestCommandsInDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")
	word := regexp.MustCompile(`"[^"]*"|'[^']*'|[^\s"']+`)
	n := 0
	for _, file := range append(files, "../../README.md", "../../clients/python/README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
				line, _, _ = strings.Cut(line, " #")
				words := word.FindAllString(line, -1)
				first := slices.IndexFunc(words, func(w string) bool { return w == "hookyard" || w == "bin/hookyard" })
				if first < 0 || first > 0 && !strings.Contains(words[first-1], "&") && words[first-1] != "|" {
					continue // not the command
				}
				words = words[first+1:]
				end := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w[:1], "|>&;)") })
				if end >= 0 {
					words = words[:end]
				}
				n++
				root := newRoot(&session{})
				c, rest, err := root.Find(words)
				if err == nil {
					err = c.ParseFlags(rest)
				}
				group := err == nil && c.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-")
				if err != nil || c == root || group {
					t.Errorf("%s: hookyard %s: %v", file, strings.Join(words, " "), err)
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d commands found", n)
	}
}
