package web

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestMessages holds that each text of the portals' templates is translated, and that translations have the changing
// parts of their texts. In English, texts with words that customers do not know are.
func TestMessages(t *testing.T) {
	t.Parallel()
	w := &Web{}
	var err error
	if w.pages, err = w.loadPages(); err != nil {
		t.Fatal(err)
	}
	if w.messages, err = loadMessages(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	_, err = w.loadPortals(func(lang, text string) {
		ours := strings.Contains(strings.ToLower(text), "hook") || strings.Contains(text, "roject")
		if key := lang + ": " + text; (lang != "en" || ours) && !seen[key] {
			seen[key] = true
			t.Errorf("no translation into %q", key)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for lang, m := range w.messages {
		all := maps.Clone(m.Pages)
		maps.Copy(all, m.Code)
		for text, to := range all {
			a, b := placeholder.FindAllString(text, -1), placeholder.FindAllString(to, -1)
			slices.Sort(a)
			slices.Sort(b)
			if to == "" || !slices.Equal(a, b) {
				t.Errorf("%s: %q has other changing parts than %q", lang, to, text)
			}
		}
	}
}
