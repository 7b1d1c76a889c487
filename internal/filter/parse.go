package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// Examples at the end of error messages.
const (
	pairExample = `for example: type = order.* and data.total = 100`
	celExample  = `for example: type == "order.created" && body.data.total > 100`
)

// hasLoneEquals reports whether text contains a = that is not part of ==, !=, <= or >=, outside CEL's strings and
// comments.
func hasLoneEquals(text string) bool {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"' || c == '\'':
			raw := i > 0 && (text[i-1] == 'r' || text[i-1] == 'R')
			i = skipString(text, i, raw)
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				return false
			}
			i += n
		case (c == '=' || c == '!' || c == '<' || c == '>') && i+1 < len(text) && text[i+1] == '=':
			i += 2
		case c == '=':
			return true
		default:
			i++
		}
	}
	return false
}

// skipString returns the index after the CEL string that begins with the quote at i, triple-quoted or not. If the
// string does not end, the text is not CEL, and skipString returns the index after the quote.
func skipString(text string, i int, raw bool) int {
	quote := text[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[i:], triple) {
		quote = triple
	}
	for j := i + len(quote); j < len(text); j++ {
		if text[j] == '\\' && !raw {
			j++
			continue
		}
		if strings.HasPrefix(text[j:], quote) {
			return j + len(quote)
		}
	}
	return i + 1
}

// parser parses pairs. pos is the position in text.
type parser struct {
	text string
	pos  int
}

// parsePairs parses pairs `path = value` joined by "and" or "&&".
func parsePairs(text string) ([]pair, error) {
	p := &parser{text: text}
	var pairs []pair
	for {
		one, err := p.pair()
		if err != nil {
			return nil, err
		}
		if len(pairs) == MaxPairs {
			return nil, p.errorf(p.pos, "filter holds more than %d pairs", MaxPairs)
		}
		pairs = append(pairs, one)
		p.space()
		if p.pos == len(p.text) {
			return pairs, nil
		}
		if !p.joined() {
			return nil, p.errorf(p.pos, `expected "and" or "&&" and another pair, or the end`)
		}
	}
}

// pair parses one pair.
func (p *parser) pair() (pair, error) {
	var out pair
	p.space()
	start := p.pos
	path := p.take(isPathRune)
	if err := p.checkPath(path, start); err != nil {
		return out, err
	}
	p.space()
	switch rest := p.text[p.pos:]; {
	case strings.HasPrefix(rest, "=="):
		return out, p.errorf(p.pos, "pairs are written with a single =, and CEL has no single =: this text mixes both")
	case strings.HasPrefix(rest, "="):
		p.pos++
	case strings.HasPrefix(rest, "!="):
		out.not = true
		p.pos += 2
	default:
		return out, p.errorf(p.pos, "expected = or != after %s", shorten(path))
	}
	p.space()
	out.setPath(path)
	return out, p.value(&out)
}

// checkPath refuses a path that is empty, has an empty part or contains unsupported characters, and a header without a
// name.
func (p *parser) checkPath(path string, start int) error {
	switch {
	case path == "" && start == len(p.text):
		return p.errorf(start, "expected type, header.NAME or a path into the body")
	case path == "":
		r, _ := utf8.DecodeRuneInString(p.text[start:])
		return p.errorf(start, "expected type, header.NAME or a path into the body, found %q", r)
	case p.pos < len(p.text) && strings.IndexByte("*#?[]", p.text[p.pos]) >= 0:
		return p.errorf(p.pos, "a path cannot hold %q; in CEL write body.list.exists(x, …) or body[\"odd key\"]",
			p.text[p.pos])
	case strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, ".."):
		return p.errorf(start, "path %s has an empty part", shorten(path))
	case path == "header":
		return p.errorf(start, "name the header, as in header.X-GitHub-Event")
	}
	return nil
}

// value parses the right side of a pair into out.
func (p *parser) value(out *pair) error {
	start := p.pos
	if start < len(p.text) && (p.text[start] == '"' || p.text[start] == '\'') {
		text, err := p.quoted()
		out.kind, out.text = isText, text
		return err
	}
	word := p.take(isBareRune)
	if word == "" {
		return p.errorf(start,
			`expected a value after = or !=: a word, a number, true, false, null or "text in quotes"`)
	}
	if p.pos < len(p.text) {
		r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
		if !unicode.IsSpace(r) && !strings.HasPrefix(p.text[p.pos:], "&&") {
			return p.errorf(p.pos, "a value that holds %q must stand in quotes", r)
		}
	}
	return p.bare(out, word, start)
}

// bare sets the right side of a pair to a word without quotes.
func (p *parser) bare(out *pair, word string, start int) error {
	out.text = word
	switch {
	case word == "null":
		out.kind = isNull
	case word == "true":
		out.kind = isTrue
	case word == "false":
		out.kind = isFalse
	case strings.Contains(word, "*"):
		if len(word) > MaxGlob {
			return p.errorf(start, "a pattern with * may be %d bytes long, this one is %d", MaxGlob, len(word))
		}
		out.kind = isGlob
	default:
		out.kind = isText
		if number := hookyard.CanonicalNumber(word); number != "" {
			out.kind, out.text = isNum, number
		}
	}
	return nil
}

// quoted parses text in single or double quotes, in which a backslash may precede a quote or another backslash.
func (p *parser) quoted() (string, error) {
	start, quote := p.pos, p.text[p.pos]
	var b strings.Builder
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case quote:
			p.pos = i + 1
			return b.String(), nil
		case '\\':
			if i+1 == len(p.text) || strings.IndexByte(`\"'`, p.text[i+1]) < 0 {
				return "", p.errorf(i, `in quotes \ may only stand before " ' or another \`)
			}
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorf(start, "the quote is not closed")
}

// joined moves past "and" or "&&" and reports whether there was one.
func (p *parser) joined() bool {
	if strings.HasPrefix(p.text[p.pos:], "&&") {
		p.pos += 2
		return true
	}
	rest, ok := strings.CutPrefix(p.text[p.pos:], "and")
	r, _ := utf8.DecodeRuneInString(rest)
	if !ok || rest != "" && !unicode.IsSpace(r) {
		return false
	}
	p.pos += len("and")
	return true
}

// space moves past white space.
func (p *parser) space() { p.take(unicode.IsSpace) }

// take moves past the runes that ok accepts and returns them.
func (p *parser) take(ok func(rune) bool) string {
	rest := p.text[p.pos:]
	n := strings.IndexFunc(rest, func(r rune) bool { return !ok(r) })
	if n < 0 {
		n = len(rest)
	}
	p.pos += n
	return rest[:n]
}

// errorf returns the error of [Compile] for the position pos.
func (p *parser) errorf(pos int, format string, args ...any) error {
	before := p.text[:pos]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return wrong(line, column, hookyard.Errorf(hookyard.Invalid, format, args...).Message, pairExample)
}

// wrong returns the error of [Compile].
func wrong(line, column int, what, example string) error {
	return hookyard.FieldErrorf("filter", "filter %d:%d: %s; %s", line, column, what, example)
}

func isPathRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune("._-$@:/", r)
}

// isBareRune reports whether r may be part of a word without quotes. Characters of operators may not, so that a typing
// error is not taken for a value.
func isBareRune(r rune) bool {
	return !unicode.IsSpace(r) && unicode.IsGraphic(r) && !strings.ContainsRune("\"'`=<>!&|(),;\\", r)
}

// shorten truncates a long word for a message.
func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
