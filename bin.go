package hookyard

import (
	"net/http"
	"time"
)

// Bin is a throw-away URL that answers whoever sends to it, and keeps what came for somebody to look at.
type Bin struct {
	Name      string
	Secret    []byte // SHA-256 of the key that opens a private bin
	Private   bool
	Color     int     // 0xRRGGBB
	Answer    *Answer // nil: 200 and "ok"
	Remote    string  // address of whoever made it
	Requests  int64   // how many came so far
	CreatedAt time.Time
	ExpiresAt time.Time
}

// BinRequest is one request to a bin.
type BinRequest struct {
	ID     string // req_…
	Bin    string
	Time   time.Time
	Method string
	Path   string // what followed the bin's name, with its query
	Remote string
	Header http.Header
	Body   []byte // its first bytes, as far as the limit
	Size   int64  // of the body as it came
}
