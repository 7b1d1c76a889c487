package hookyard

import "slices"

// MaxChannels is how many channels a hook or an event may have.
const MaxChannels = 10

// The bounds of names that callers choose, in bytes.
const (
	maxOwnName  = 256  // a channel, or the UID of a project, a hook or an event
	MaxMetadata = 4096 // metadata as JSON
)

// CheckChannels returns an [Invalid] error for too many channels, or one that is not 1 to 256 of the characters A-Z a-z
// 0-9 . _ - : +.
func CheckChannels(channels []string) error {
	if len(channels) > MaxChannels {
		return FieldErrorf("channels", "channels holds %d names, at most %d are allowed", len(channels), MaxChannels)
	}
	for _, c := range channels {
		if len(c) == 0 || len(c) > maxOwnName || !isOf(c, ":+") {
			return FieldErrorf("channels", "a channel must be 1 to %d of the characters A-Z a-z 0-9 . _ - : +",
				maxOwnName)
		}
	}
	return nil
}

// CheckUID returns an [Invalid] error unless uid is empty, or 1 to 256 of the characters A-Z a-z 0-9 . _ -.
func CheckUID(uid string) error {
	if uid != "" && (len(uid) > maxOwnName || !isOf(uid, "")) {
		return FieldErrorf("uid", "uid must be 1 to %d of the characters A-Z a-z 0-9 . _ -", maxOwnName)
	}
	return nil
}

// CheckMetadata returns an [Invalid] error for metadata that is over [MaxMetadata].
func CheckMetadata(m map[string]string) error {
	const field = "metadata"
	b, err := EncodeJSON(m)
	if err != nil {
		return FieldErrorf(field, "metadata must be an object of strings")
	}
	if len(b) > MaxMetadata {
		return FieldErrorf(field, "metadata is %d bytes long as JSON, at most %d are allowed", len(b), MaxMetadata)
	}
	return nil
}

// share reports whether two lists of channels have one in common.
func share(a, b []string) bool {
	return slices.ContainsFunc(a, func(c string) bool { return slices.Contains(b, c) })
}

// isOf reports whether s consists of letters, digits, dots, underscores, hyphens and more.
func isOf(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '_' && c != '-' && !slices.Contains([]byte(more), c) {
			return false
		}
	}
	return true
}
