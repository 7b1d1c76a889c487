package hookyard

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestKeptBody holds that an attempt keeps the beginning of a large body, whole characters of text, and no more memory.
func TestKeptBody(t *testing.T) {
	t.Parallel()
	small := bytes.Repeat([]byte{'a'}, LargeBody)
	if kept := KeptBody(small); &kept[0] != &small[0] || len(kept) != LargeBody {
		t.Errorf("a body that fits: %d bytes", len(kept))
	}
	for n := range utf8.UTFMax {
		text := []byte(strings.Repeat("a", n) + strings.Repeat("😀", LargeBody))
		kept := KeptBody(text)
		if !utf8.Valid(kept) || len(kept) > LargeBody || len(kept) <= LargeBody-utf8.UTFMax {
			t.Errorf("%d bytes before: %d bytes are kept", n, len(kept))
		}
		if cap(kept) > 2*LargeBody || !bytes.HasPrefix(text, kept) {
			t.Errorf("%d bytes before: %d bytes of memory", n, cap(kept))
		}
		if a := (Attempt{RequestBody: kept, RequestSize: int64(len(text))}); !a.RequestTruncated() {
			t.Error("a cut body is not said to be cut")
		}
	}
	binary := bytes.Repeat([]byte{0x80}, 2*LargeBody)
	if kept := KeptBody(binary); len(kept) <= LargeBody-utf8.UTFMax {
		t.Errorf("bytes that are not text: %d are kept", len(kept))
	}
	if (&Attempt{RequestSize: 5}).RequestTruncated() {
		t.Error("the event's own body is not cut")
	}
}
