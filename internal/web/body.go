package web

import (
	"bytes"
	"encoding/json"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// Bounds on how much of a body a page shows. The whole body can be downloaded.
const (
	shownBody  = 256 << 10
	shownBytes = 2 << 10
	prettyBody = 64 << 10
)

// bodyView is a body as a page shows it.
type bodyView struct {
	Pretty template.HTML // JSON in colours, or ""
	Text   string        // as it arrived, if it is text
	Hex    string        // its first bytes, if it is not
	Size   int64
	Cut    bool // there is more than is shown
	Gone   bool // past retention
}

func viewBody(b []byte, size int64) bodyView {
	v := bodyView{Size: size, Gone: b == nil && size > 0}
	switch {
	case v.Gone || len(b) == 0:
		return v
	case !mostlyText(b):
		v.Hex, v.Cut = hexDump(b, shownBytes), len(b) > shownBytes
		return v
	}
	if len(b) <= prettyBody && json.Valid(b) {
		v.Pretty = prettyJSON(b)
	}
	if v.Cut = len(b) > shownBody; v.Cut {
		b = b[:shownBody]
	}
	v.Text = string(b)
	return v
}

// mostlyText reports whether a body is shown as text. The few bytes in it that are not text are escaped.
func mostlyText(b []byte) bool {
	if len(b) > 4096 {
		b = b[:4096]
	}
	odd := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r < 0x20 && r != '\n' && r != '\t' && r != '\r' {
			odd++
		}
		i += n
	}
	return odd*20 <= len(b)
}

// prettyJSON indents JSON and wraps its tokens in spans. Numbers and strings stay digit for digit; everything is
// escaped.
func prettyJSON(b []byte) template.HTML {
	var in bytes.Buffer
	if json.Indent(&in, b, "", "  ") != nil {
		return ""
	}
	text := in.Bytes()
	var out strings.Builder
	out.Grow(2 * len(text))
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case c == '"':
			i = hookyard.JSONStringEnd(text, i) // json.Indent has checked that it ends
			class := "s"
			if i < len(text) && text[i] == ':' {
				class = "k"
			}
			token(&out, class, text[start:i])
		case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
			for i < len(text) && !bytes.ContainsRune([]byte(",]}\n \t\r"), rune(text[i])) {
				i++
			}
			token(&out, "n", text[start:i])
		default:
			out.WriteByte(c) // brackets, commas, colons and space
			i++
		}
	}
	return template.HTML(out.String())
}

func token(out *strings.Builder, class string, text []byte) {
	out.WriteString(`<b class="` + class + `">`)
	out.WriteString(string(visible(string(text))))
	out.WriteString(`</b>`)
}
