package hookyard

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"
)

// alphabet is Crockford's base32 in lower case, as TypeID uses it: no letters that look like digits, and text sorts as
// the encoded bytes do.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// idLen is the length of an id's part after its prefix: 128 bits in base32.
const idLen = 26

// ids is the state of the generator. The first 14 random bits of an id count up within a millisecond, so that the ids
// of one process sort in order of creation: ascending keys keep inserts at the end of every index.
var ids struct {
	sync.Mutex
	ms   int64
	tail uint64
	buf  [512]byte
	left int
}

// NewID returns a new TypeID (https://github.com/jetify-com/typeid): the prefix, an underscore and the base32 of a
// UUIDv7 in 26 characters, such as evt_01m8e8mr31e09bz32ayxzzpjy2. Ids sort by time of creation, and those of one
// process are strictly ascending: the leading random bits of the UUID are a counter (RFC 9562, section 6.2, method 1).
// The prefix must consist of lower-case letters. NewID is safe for concurrent use.
func NewID(prefix string) string { return newID(prefix, time.Now()) }

func newID(prefix string, now time.Time) string {
	ids.Lock()
	if ids.left < 8 {
		_, _ = rand.Read(ids.buf[:]) // cannot fail
		ids.left = len(ids.buf)
	}
	r := binary.BigEndian.Uint64(ids.buf[len(ids.buf)-ids.left:])
	ids.left -= 8
	ms := now.UnixMilli()
	if ms > ids.ms {
		ids.ms = ms
		ids.tail = r >> 8 & 0xff // starts low, to leave room for counting
	} else {
		ids.tail++ // same millisecond, or the clock went back
		if ids.tail > 0x3fff {
			ids.ms++
			ids.tail = r >> 8 & 0xff
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

// appendBase32 appends 128 bits as 26 characters, the most significant first.
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

// DeliveryID returns the id of the delivery of an event to the hook with the given internal key. The pair identifies
// the delivery, because an event is owed to a hook at most once; no further id is stored.
func DeliveryID(eventID string, hookKey int64) string {
	return "dlv_" + strings.TrimPrefix(eventID, "evt_") + "_" + strconv.FormatInt(hookKey, 32)
}

// ParseDeliveryID is the inverse of [DeliveryID]. ok is false if id is not the id of a delivery.
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

// MessageID returns the id of the event as Svix's API names it: with the prefix msg_ in the place of evt_.
func (e *Event) MessageID() string { return "msg_" + strings.TrimPrefix(e.ID, "evt_") }

// EventID is the inverse of [Event.MessageID]. ok is false if id is not the id of a message.
func EventID(messageID string) (id string, ok bool) {
	rest, found := strings.CutPrefix(messageID, "msg_")
	return "evt_" + rest, found && len(rest) == idLen
}
