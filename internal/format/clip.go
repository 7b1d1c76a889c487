package format

import "unicode/utf8"

// clip cuts s to at most n characters; when it cuts, the last of them is an ellipsis. It never splits a character.
func clip(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	count := 0
	for i := range s {
		if count++; count == n {
			return s[:i] + "…"
		}
	}
	return s
}
