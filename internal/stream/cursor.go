package stream

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/hookyard/hookyard"
)

const (
	cursorVersion = 1
	maxCursor     = 40 // bytes of a cursor's text: more than two numbers need
)

// Cursor is the text of a place in a project's events. It holds the project, so that a place in one is not taken for a
// place in another, and a checksum, so that a mistyped one is not taken for a place at all. It is no secret and gives
// no right.
func Cursor(projectKey, seq int64) string {
	b := make([]byte, 0, 1+2*binary.MaxVarintLen64+4)
	b = append(b, cursorVersion)
	b = binary.AppendUvarint(b, uint64(projectKey))
	b = binary.AppendUvarint(b, uint64(seq))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of [Cursor]. It fails with Invalid for anything Cursor does not return for this project.
func ParseCursor(text string, projectKey int64) (seq int64, err error) {
	forged := hookyard.FieldErrorf("cursor",
		"the cursor is not one that hookyard gave out: begin again without it, or with since=all")
	if len(text) > maxCursor {
		return 0, forged
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 7 || b[0] != cursorVersion {
		return 0, forged
	}
	project, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return 0, forged
	}
	at, m := binary.Uvarint(b[1+n:])
	if m <= 0 || at > 1<<62 || project > 1<<62 || Cursor(int64(project), int64(at)) != text {
		return 0, forged
	}
	if int64(project) != projectKey {
		return 0, hookyard.FieldErrorf("cursor",
			"the cursor is of another project, or of a deleted one of this name: "+
				"begin again without it, or with since=all")
	}
	return int64(at), nil
}
