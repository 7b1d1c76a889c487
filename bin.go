package hookyard

import (
	"net/http"
	"time"
)

// Bin is a throw-away URL that answers every request and stores it for inspection.
type Bin struct {
	Name      string
	Secret    []byte // SHA-256 of the key that opens a private bin
	Private   bool
	Color     int     // 0xRRGGBB
	Answer    *Answer // nil: 200 and "ok"
	Remote    string  // address of its creator
	Requests  int64   // received so far
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
	Body   []byte // its first bytes, up to the limit
	Size   int64  // of the whole body, in bytes
}
