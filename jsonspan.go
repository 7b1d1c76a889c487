package hookyard

import "bytes"

// JSONEnd returns the index after the JSON value that begins at i, or -1 if there is none, it does not end, or it is
// nested deeper than depth levels. It does not check the value: pass what it delimits to [CheckJSON].
func JSONEnd(b []byte, i, depth int) int {
	level := 0
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			if i = JSONStringEnd(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			if level++; level > depth {
				return -1
			}
			i++
			continue
		case '}', ']':
			if level--; level < 0 {
				return -1
			}
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			if level == 0 {
				return -1
			}
			i++
			continue
		default:
			for i++; i < len(b) && !isDelimiter(b[i]); i++ {
			}
		}
		if level == 0 {
			return i
		}
	}
	return -1
}

func isDelimiter(c byte) bool {
	switch c {
	case '"', '{', '}', '[', ']', ',', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// JSONStringEnd returns the index after the JSON string whose opening quote is at i, or -1 if it does not end. A string
// ends at the first quote that follows an even number of backslashes.
func JSONStringEnd(b []byte, i int) int {
	first := i + 1
	for at := first; ; {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		at += n
		slash := at
		for slash > first && b[slash-1] == '\\' {
			slash--
		}
		if at++; (at-1-slash)%2 == 0 {
			return at
		}
	}
}

// SkipJSONSpace returns the index of the first byte of b, from i on, that is no white space in JSON.
func SkipJSONSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}
