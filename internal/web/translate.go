package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/hookyard/hookyard"
)

// Portals speak other languages. As with gettext, templates and code hold the English text, and the file of a language
// holds translations by it. In a text {1}, {2} and so on stand for its changing parts, which a translation may put in
// another order. messages/en.json holds the words that customers read instead of ours.

//go:embed messages
var messageFiles embed.FS

// languages are those that portals speak, by the names of their files, with their own names.
func languages() [][2]string {
	return [][2]string{{"en", "English"}, {"de", "Deutsch"}, {"ko", "한국어"}}
}

// messages translates the texts of pages. The zero value leaves them as they are.
type messages struct {
	Pages    map[string]string `json:"pages"` // texts of templates
	Code     map[string]string `json:"code"`  // texts that code makes
	patterns []pattern         // of Code, with changing parts
}

// pattern is a message with changing parts.
type pattern struct {
	re *regexp.Regexp
	to string
}

var placeholder = regexp.MustCompile(`\{[1-9]\}`)

// loadMessages reads the file of each language.
func loadMessages() (map[string]*messages, error) {
	out := map[string]*messages{}
	for _, l := range languages() {
		b, err := fs.ReadFile(messageFiles, path.Join("messages", l[0]+".json"))
		if err != nil {
			return nil, err
		}
		m := &messages{}
		if err := json.Unmarshal(b, m); err != nil {
			return nil, fmt.Errorf("messages of %s: %w", l[0], err)
		}
		for text, to := range m.Code {
			if !placeholder.MatchString(text) {
				continue
			}
			parts := placeholder.Split(text, -1)
			for i := range parts {
				parts[i] = regexp.QuoteMeta(parts[i])
			}
			re, err := regexp.Compile("(?s)^" + strings.Join(parts, "(.+?)") + "$")
			if err != nil {
				return nil, err
			}
			m.patterns = append(m.patterns, pattern{re, to})
		}
		// The longest first: they say the most of what a text must be.
		slices.SortFunc(m.patterns, func(a, b pattern) int { return len(b.re.String()) - len(a.re.String()) })
		out[l[0]] = m
	}
	return out, nil
}

// say translates a text. One that has no translation stays as it is.
func (m *messages) say(text string) string {
	if m == nil {
		return text
	}
	if to, ok := m.Code[text]; ok {
		return to
	}
	if to, ok := m.Pages[text]; ok {
		return to
	}
	for _, p := range m.patterns {
		if parts := p.re.FindStringSubmatch(text); parts != nil {
			return fill(p.to, func(i int) string { return parts[min(i, len(parts)-1)] })
		}
	}
	return text
}

// fill puts the changing parts into a translation. They count from 1.
func fill(to string, part func(i int) string) string {
	return placeholder.ReplaceAllStringFunc(to, func(mark string) string {
		i, _ := strconv.Atoi(mark[1:2])
		return part(i)
	})
}

// functions are those of templates whose texts are translated.
func (m *messages) functions() template.FuncMap {
	return template.FuncMap{
		"tr":       func(v any) string { return m.say(fmt.Sprint(v)) },
		"plural":   func(n int, noun string) string { return m.say(plural(n, noun)) },
		"plural64": func(n int64, noun string) string { return m.say(plural(int(n), noun)) },
		"label":    func(field string) string { return m.say(labelOf(field)) },
		"sentence": func(s string) string { return m.say(sentence(s)) },
		"status":   func(d hookyard.Delivery) template.HTML { return template.HTML(m.say(string(status(d)))) },
	}
}

// translate translates the texts of a template that was not executed yet.
func (m *messages) translate(t *template.Template, missed func(string)) {
	t.Funcs(m.functions())
	tr := &translator{m: m, missed: missed, used: []string{"portal"}}
	for done := 0; done < len(tr.used); {
		one := t.Lookup(tr.used[done])
		done++
		tr.inTag, tr.inCode = false, false
		tr.list(one.Tree.Root)
	}
}

// translator goes through the trees of the templates that a page of a portal uses.
type translator struct {
	m      *messages
	missed func(string)
	used   []string // names of templates
	inTag  bool     // between < and >
	inCode bool     // between <code> and its end
}

// list translates the texts in a list. A text is what stands between two tags, or between a tag and a condition; the
// actions in it are its changing parts.
func (t *translator) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	var out, run []parse.Node
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			run = append(run, n)
			continue
		case *parse.TemplateNode:
			if !slices.Contains(t.used, n.Name) {
				t.used = append(t.used, n.Name)
			}
			run = append(run, n)
			continue
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 {
				run = append(run, n)
				continue
			}
		}
		out, run = append(append(out, t.run(run)...), n), nil
		switch n := n.(type) {
		case *parse.IfNode:
			t.branch(&n.BranchNode)
		case *parse.WithNode:
			t.branch(&n.BranchNode)
		case *parse.RangeNode:
			t.branch(&n.BranchNode)
		}
	}
	l.Nodes = append(out, t.run(run)...)
}

// branch translates both lists of a condition, which begin and end in the same state, but not what portals never show.
func (t *translator) branch(b *parse.BranchNode) {
	switch b.Pipe.String() {
	case "not .Portal", "not $.Portal":
		t.list(b.ElseList)
		return
	case ".Portal":
		t.list(b.List)
		return
	}
	before := t.inTag
	t.list(b.List)
	after := t.inTag
	t.inTag = before
	t.list(b.ElseList)
	t.inTag = after
}

// tokens splits a run at its tags.
var tokens = regexp.MustCompile(`(?s)<[^>]*>?|[^<]+`)

// spoken are the attributes with text that people read.
var spoken = regexp.MustCompile(`(\s(?:aria-label|placeholder|title|data-zone)=")([^"]+)(")`)

// run translates nodes that no condition divides. A mark, NUL and the number of the node and NUL, stands for each that
// is no text.
func (t *translator) run(nodes []parse.Node) []parse.Node {
	var all, out strings.Builder
	var like *parse.TextNode
	for i, n := range nodes {
		if text, ok := n.(*parse.TextNode); ok {
			like = text
			all.Write(text.Text)
		} else {
			all.WriteString("\x00" + strconv.Itoa(i) + "\x00")
		}
	}
	if like == nil {
		return nodes
	}
	source := all.String()
	if t.inTag {
		head, rest, closed := strings.Cut(source, ">")
		out.WriteString(t.tag(head))
		if !closed {
			return t.nodes(out.String(), nodes, like)
		}
		out.WriteString(">")
		t.inTag, source = false, rest
	}
	for _, token := range tokens.FindAllString(source, -1) {
		if strings.HasPrefix(token, "<") {
			out.WriteString(t.tag(token))
			t.inTag = !strings.HasSuffix(token, ">")
			t.inCode = strings.HasPrefix(token, "<code")
			continue
		}
		if t.inCode {
			out.WriteString(token)
			continue
		}
		out.WriteString(t.text(token))
	}
	return t.nodes(out.String(), nodes, like)
}

// tag translates attributes of a tag.
func (t *translator) tag(s string) string {
	return spoken.ReplaceAllStringFunc(s, func(attr string) string {
		m := spoken.FindStringSubmatch(attr)
		return m[1] + t.text(m[2]) + m[3]
	})
}

var nodeMark = regexp.MustCompile("\x00[0-9]+\x00")

// text translates one text. The space around it stays.
func (t *translator) text(s string) string {
	core := strings.TrimSpace(s)
	marks := nodeMark.FindAllString(core, -1)
	n := 0
	key := nodeMark.ReplaceAllStringFunc(core, func(string) string { n++; return "{" + strconv.Itoa(n) + "}" })
	key = strings.Join(strings.Fields(key), " ")
	if !hasLetters(placeholder.ReplaceAllString(key, "")) || len(marks) > 9 ||
		strings.Contains(key, "://") {
		return s
	}
	to, ok := t.m.Pages[key]
	if !ok {
		t.missed(key)
		return s
	}
	before, after, _ := strings.Cut(s, core)
	return before + fill(to, func(i int) string { return marks[i-1] }) + after
}

// hasLetters reports whether a text has words, and not only marks and entities.
func hasLetters(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}

// nodes is the inverse of what run does to its nodes.
func (t *translator) nodes(s string, from []parse.Node, like *parse.TextNode) []parse.Node {
	var out []parse.Node
	add := func(text string) {
		if text != "" {
			n := like.Copy().(*parse.TextNode)
			n.Text = []byte(text)
			out = append(out, n)
		}
	}
	at := 0
	for _, m := range nodeMark.FindAllStringIndex(s, -1) {
		add(s[at:m[0]])
		i, _ := strconv.Atoi(s[m[0]+1 : m[1]-1])
		out = append(out, from[i])
		at = m[1]
	}
	add(s[at:])
	return out
}
