package hookyard

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"
)

// alphabet is Crockford's base32 in lower case: no letters that look like digits, and it sorts as the bytes do.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// idLen is the length of an id's part after its prefix: 128 bits in base32.
const idLen = 26

// ids hands out the 80 random bits of one id. The first 16 of them count up within a millisecond, so that ids made by
// one process sort in the order in which they were made: ascending keys keep inserts at the end of every index.
var ids struct {
	sync.Mutex
	ms   int64
	tail uint64
	buf  [512]byte
	left int
}

// NewID returns prefix, an underscore and 26 characters that sort by time: a UUIDv7's bits (RFC 9562, section 5.7,
// counter in the leading random bits) in base32. Ids of one process are strictly ascending. Safe for concurrent use.
func NewID(prefix string) string { return newID(prefix, time.Now()) }

func newID(prefix string, now time.Time) string {
	ids.Lock()
	if ids.left < 8 {
		_, _ = rand.Read(ids.buf[:]) // never fails (crypto/rand)
		ids.left = len(ids.buf)
	}
	r := binary.BigEndian.Uint64(ids.buf[len(ids.buf)-ids.left:])
	ids.left -= 8
	ms := now.UnixMilli()
	if ms > ids.ms {
		ids.ms, ids.tail = ms, r>>8&0xff // start low: leave room to count
	} else {
		ids.tail++ // same millisecond, or the clock went back: count on
		if ids.tail > 0x3fff {
			ids.ms, ids.tail = ids.ms+1, r>>8&0xff
		}
	}
	ms, tail := ids.ms, ids.tail
	ids.Unlock()

	hi := uint64(ms)<<16 | 0x7<<12 | tail>>2&0xfff
	lo := 0x2<<62 | tail&3<<60 | r&(1<<60-1)
	b := make([]byte, 0, len(prefix)+1+idLen)
	b = append(b, prefix...)
	b = append(b, '_')
	return string(appendBase32(b, hi, lo))
}

// appendBase32 writes 128 bits as 26 characters, the most significant first.
func appendBase32(b []byte, hi, lo uint64) []byte {
	for i := range idLen {
		shift := uint(5 * (idLen - 1 - i))
		var v uint64
		switch {
		case shift >= 64:
			v = hi >> (shift - 64)
		case shift > 59:
			v = lo>>shift | hi<<(64-shift)
		default:
			v = lo >> shift
		}
		b = append(b, alphabet[v&31])
	}
	return b
}

// DeliveryID names the delivery of an event to the hook with the given internal key. An event is owed to a hook at most
// once, so the pair is the identity and no further id is stored.
func DeliveryID(eventID string, hookKey int64) string {
	return "dlv_" + strings.TrimPrefix(eventID, "evt_") + "_" + strconv.FormatInt(hookKey, 32)
}

// ParseDeliveryID is the inverse of [DeliveryID]. ok is false for anything it did not make.
func ParseDeliveryID(id string) (eventID string, hookKey int64, ok bool) {
	rest, found := strings.CutPrefix(id, "dlv_")
	if !found {
		return "", 0, false
	}
	ev, key, found := strings.Cut(rest, "_")
	if !found || len(ev) != idLen {
		return "", 0, false
	}
	hookKey, err := strconv.ParseInt(key, 32, 64)
	if err != nil || hookKey <= 0 {
		return "", 0, false
	}
	return "evt_" + ev, hookKey, true
}
