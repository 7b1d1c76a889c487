package api

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// A cursor is kind, project and position, so that one list's does not silently mean something to another. It is not
// secret and gives no right: a cursor that was made up shows only what its caller may see anyway.
const (
	cursorProjects   = "p"
	cursorEvents     = "e"
	cursorFields     = "f" // of events, found by their search fields
	cursorUndecided  = "u" // of events that may still be found by their search fields, or else in bodies
	cursorDeliveries = "d"
	cursorAudit      = "a"
	cursorEventTypes = "t"
)

func makeCursor(kind string, projectKey int64, position string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + strconv.FormatInt(projectKey, 32) + ":" + position))
}

// readCursor returns the position in a cursor, or "" when there is none.
func readCursor(cursor, kind string, projectKey int64) (string, error) {
	if cursor == "" {
		return "", nil
	}
	forged := hookyard.FieldErrorf("cursor", "cursor is not one that this list gave out; begin again without it")
	if len(cursor) > 1000 {
		return "", forged
	}
	plain, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", forged
	}
	position, ok := strings.CutPrefix(string(plain), kind+strconv.FormatInt(projectKey, 32)+":")
	if !ok || position == "" || hookyard.Clean(position, 1000) != position {
		return "", forged
	}
	return position, nil
}

// readNumber is readCursor for positions that are numbers.
func readNumber(cursor, kind string, projectKey int64) (int64, error) {
	position, err := readCursor(cursor, kind, projectKey)
	if err != nil || position == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(position, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != position {
		return 0, hookyard.FieldErrorf("cursor", "cursor is not one that this list gave out; begin again without it")
	}
	return n, nil
}

// position is a number as a cursor holds it.
func position(n int64) string { return strconv.FormatInt(n, 10) }
