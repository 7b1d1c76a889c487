package filter

import (
	"net/http"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
)

// maxGlobText bounds the text that a glob is matched with, which can take time proportional to the product of both
// lengths.
const maxGlobText = 64 << 10

// kind is the kind of the right side of a pair.
type kind int

const (
	isText kind = iota
	isGlob
	isNum
	isTrue
	isFalse
	isNull
)

// pair is one comparison. The left side is a header if header is set, a value in the body if path is set, and otherwise
// the type.
type pair struct {
	header string // canonical name
	path   string // escaped for gjson
	// method, path or query.NAME: the part of the request that the pair means in a body without such a member, or ""
	request string
	not     bool
	kind    kind
	text    string // the right side without quotes; of a number its canonical form
}

// setPath sets the left side. The path has no empty parts.
func (p *pair) setPath(path string) {
	if path == "type" {
		return
	}
	if name, ok := strings.CutPrefix(path, "header."); ok {
		p.header = http.CanonicalHeaderKey(name)
		return
	}
	if path == "method" || path == "path" || strings.HasPrefix(path, "query.") {
		p.request = path
	}
	parts := strings.Split(path, ".")
	for i := range parts {
		parts[i] = gjson.Escape(parts[i])
	}
	p.path = strings.Join(parts, ".")
}

// match reports whether the pair accepts e. The body is that of [bodyOf], read on first use.
func (p *pair) match(e *hookyard.Event, body func() ([]byte, error)) (bool, error) {
	equal, err := p.equal(e, body)
	return equal != p.not && err == nil, err
}

func (p *pair) equal(e *hookyard.Event, body func() ([]byte, error)) (bool, error) {
	switch {
	case p.header != "":
		values := e.Header[p.header]
		if len(values) == 0 {
			return p.kind == isNull, nil
		}
		if p.kind == isNull {
			return false, nil
		}
		return p.equalText(values[0])
	case p.path != "":
		b, err := body()
		if err != nil {
			return false, err
		}
		v := find(b, p.path)
		if p.request != "" && !v.Exists() {
			return p.equalRequest(e)
		}
		return p.equalJSON(v)
	}
	if p.kind == isNull {
		return e.Type == "", nil
	}
	return p.equalText(e.Type)
}

// equalRequest compares with a part of the received request, which is missing if the event came by none.
func (p *pair) equalRequest(e *hookyard.Event) (bool, error) {
	var value string
	found := e.Method != ""
	switch p.request {
	case "method":
		value = e.Method
	case "path":
		value = e.Path()
	default:
		value, found = e.Query()[strings.TrimPrefix(p.request, "query.")]
	}
	if !found || p.kind == isNull {
		return !found && p.kind == isNull, nil
	}
	return p.equalText(value)
}

// equalText compares with a type or a header, which are always text.
func (p *pair) equalText(s string) (bool, error) {
	if p.kind != isGlob {
		return s == p.text, nil
	}
	if len(s) > maxGlobText {
		return false, hookyard.Errorf(hookyard.Invalid,
			"a text of %d bytes is too long for the pattern %s: at most %d are searched", len(s), p.text, maxGlobText)
	}
	return hookyard.MatchGlob(p.text, s), nil
}

func (p *pair) equalJSON(v gjson.Result) (bool, error) {
	switch v.Type {
	case gjson.String:
		if p.kind == isText || p.kind == isGlob {
			return p.equalText(v.Str)
		}
	case gjson.Number:
		if p.kind == isNum {
			return hookyard.CanonicalNumber(v.Raw) == p.text, nil
		}
		return p.kind == isGlob && hookyard.MatchGlob(p.text, v.Raw), nil
	case gjson.True:
		return p.kind == isTrue || p.kind == isGlob && hookyard.MatchGlob(p.text, "true"), nil
	case gjson.False:
		return p.kind == isFalse || p.kind == isGlob && hookyard.MatchGlob(p.text, "false"), nil
	case gjson.Null: // or missing
		return p.kind == isNull, nil
	}
	return false, nil
}

// find returns the value at a path in a body, which may not be JSON. Bodies are immutable, so find passes the body to
// gjson as a string, without the copy that gjson.GetBytes makes of every result.
func find(body []byte, path string) gjson.Result {
	for i, c := range body {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{', '[':
			return gjson.Get(unsafe.String(&body[i], len(body)-i), path)
		}
		break
	}
	return gjson.Result{}
}
