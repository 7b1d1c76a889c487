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
	all, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	for lang, m := range all {
		seen := map[string]bool{}
		_, err := m.portal(func(text string) {
			words := strings.ToLower(strings.ReplaceAll(text, "Webhooks", ""))
			ours := strings.Contains(words, "hook") || strings.Contains(words, "project")
			if (lang != "en" || ours) && !seen[text] {
				seen[text] = true
				t.Errorf("%s: no translation of %q", lang, text)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for lang, m := range all {
		both := maps.Clone(m.Pages)
		maps.Copy(both, m.Code)
		for text, to := range both {
			a, b := placeholder.FindAllString(text, -1), placeholder.FindAllString(to, -1)
			slices.Sort(a)
			slices.Sort(b)
			fewer := slices.Equal(b, a[:min(len(b), len(a))])
			if to == "" || m.Pages[text] != "" && len(a) != len(b) || !fewer {
				t.Errorf("%s: %q has other changing parts than %q", lang, to, text)
			}
		}
	}
}
