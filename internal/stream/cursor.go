package stream

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/hookyard/hookyard"
)

// The versions of cursors, their first byte.
const (
	cursorPlain  = 1
	cursorMarked = 2
)

const maxCursor = 40 // bytes of a cursor's text: more than three numbers need

// Place is a place in a project's events.
type Place struct {
	Seq int64
	// Mark is a checksum of the event's id if an event is at Seq, or 0 if that is not known. After a database was
	// restored from a backup, another event may be there.
	Mark uint32
}

// placeOf returns the place of an event.
func placeOf(e *hookyard.Event) Place { return Place{e.Seq, markOf(e.ID)} }

func markOf(id string) uint32 { return max(1, crc32.ChecksumIEEE([]byte(id))) }

// Cursor is the text of a place in a project's events. It holds the project, so that a place in one is not taken for a
// place in another, and a checksum, so that a mistyped one is not taken for a place at all. It is no secret and gives
// no right.
func Cursor(projectKey, seq int64) string { return cursorOf(projectKey, Place{Seq: seq}) }

// CursorAt is the Cursor of the place of an event.
func CursorAt(e *hookyard.Event) string { return cursorOf(e.ProjectKey, placeOf(e)) }

func cursorOf(projectKey int64, p Place) string {
	b := make([]byte, 0, 1+2*binary.MaxVarintLen64+8)
	version := byte(cursorPlain)
	if p.Mark != 0 {
		version = cursorMarked
	}
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(projectKey))
	b = binary.AppendUvarint(b, uint64(p.Seq))
	if p.Mark != 0 {
		b = binary.BigEndian.AppendUint32(b, p.Mark)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of [Cursor] and [CursorAt]. It fails with Invalid for anything they do not return for this
// project.
func ParseCursor(text string, projectKey int64) (Place, error) {
	forged := hookyard.FieldErrorf("cursor",
		"the cursor is not one that hookyard gave out: begin again without it, or with since=all")
	if len(text) > maxCursor {
		return Place{}, forged
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 7 {
		return Place{}, forged
	}
	project, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return Place{}, forged
	}
	at, m := binary.Uvarint(b[1+n:])
	if m <= 0 || at > 1<<62 || project > 1<<62 {
		return Place{}, forged
	}
	p := Place{Seq: int64(at)}
	if rest := b[1+n+m:]; b[0] == cursorMarked && len(rest) == 8 {
		p.Mark = binary.BigEndian.Uint32(rest)
	}
	if cursorOf(int64(project), p) != text {
		return Place{}, forged
	}
	if int64(project) != projectKey {
		return Place{}, hookyard.FieldErrorf("cursor",
			"the cursor is of another project, or of a deleted one of this name: "+
				"begin again without it, or with since=all")
	}
	return p, nil
}
