package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// note is the content of a chat message about an event, before markup: clean, bounded text.
type note struct {
	project  string
	head     string // for example "alice opened issue"
	subject  string // what the head is about, for example "#3: It broke", or ""
	url      string // of the subject, or ""
	body     string // an excerpt of a comment or a message, or ""
	commits  []line
	more     int // number of commits not in the list
	fields   []field
	mood     mood
	resource string // key of the subject, or ""
}

// line is one commit.
type line struct{ id, url, title, author string }

type field struct{ title, value string }

// mood determines the color.
type mood int

const (
	neutral mood = iota
	good
	bad
	merged
)

// rgb returns the color of a mood.
func (m mood) rgb() int {
	return [...]int{neutral: 0x0969DA, good: 0x2EB67D, bad: 0xD1242F, merged: 0x8250DF}[m]
}

// Limits on the parts, in characters. With these no headline exceeds Discord's 2,000 characters, the strictest limit,
// even if every character is escaped.
const (
	maxHead    = 120
	maxSubject = 250
	maxLink    = 600
	maxBody    = 500
	maxCommits = 10
	maxTitle   = 100 // of a commit
	maxName    = 60
)

// describe returns the note about an event: a push, an object in GitHub's shape, published data with the members actor,
// title, url, message and number, or else its type and an excerpt.
func describe(in Input) note {
	d, data, ok := in.document()
	n := note{project: in.Project.Path()}
	switch p, isPush := newPush(d); {
	case isPush:
		n.describePush(p)
	case d.isObject() && n.describeThing(in.Event.Type, d):
	default:
		n.head = eventName(in.Event.Type)
		n.body = excerpt(in, data, ok)
	}
	n.head, n.subject = oneLine(n.head, maxHead), oneLine(n.subject, maxSubject)
	n.body, n.resource = oneLine(n.body, maxBody), clip(n.resource, 255)
	n.url = link(in, n.url)
	for i := range n.commits {
		n.commits[i].url = link(in, n.commits[i].url)
	}
	return n
}

// link returns s as an absolute URL without characters that end a link in some markup. It returns "" if s is not a URL
// or too long.
func link(in Input, s string) string {
	if len(s) > maxLink {
		return ""
	}
	s = absolute(in.BaseURL, s)
	s = strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "(", "%28", ")", "%29", " ", "%20", "\\",
		"%5C").Replace(s)
	if len(s) > maxLink {
		return ""
	}
	return s
}

func eventName(eventType string) string {
	if eventType == "" {
		return "event"
	}
	return eventType
}

// excerpt returns the data as compact JSON or text, or its size.
func excerpt(in Input, data []byte, isJSON bool) string {
	if why := in.tooLarge(); why != "" {
		return why
	}
	if !isJSON {
		data = in.Event.Data()
		if !utf8.Valid(data) {
			return fmt.Sprintf("%d bytes", len(data))
		}
		return string(data[:min(len(data), 4*maxBody)])
	}
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return ""
	}
	return b.String()
}

func (n *note) describePush(p *push) {
	n.head = pushed(p)
	if who := p.who(); who != "" {
		n.head += " by " + oneLine(who, maxName)
	}
	n.url, n.mood = p.compare, good
	if n.url != "" {
		n.subject = "compare"
	}
	switch {
	case p.head == nil:
		n.mood = bad
	case p.forced:
		n.mood = bad
		n.head += " (forced)"
	}
	commits := p.commits
	if len(commits) == 0 && p.head != nil {
		commits = []commit{*p.head} // the target of a new branch or tag
	}
	for _, c := range commits[:min(len(commits), maxCommits)] {
		n.commits = append(n.commits, newLine(c))
	}
	n.more = len(commits) - len(n.commits)
}

func newLine(c commit) line {
	author := c.Author.Name
	if author == "" {
		author = c.Committer.Name
	}
	return line{id: shortID(c.ID), url: c.URL, title: oneLine(firstLine(c.Message), maxTitle),
		author: oneLine(author, maxName)}
}

// shortID returns the abbreviated id of a commit.
func shortID(id string) string {
	if len(id) > 7 && isHex(id[:7]) {
		return id[:7]
	}
	return oneLine(id, 12)
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// pushed describes what a push did.
func pushed(p *push) string {
	kind, name := shortRef(p.refs[0])
	name = oneLine(name, maxName)
	if n := len(p.refs) - 1; n > 0 {
		name += fmt.Sprintf(" and %d more", n)
	}
	count := len(p.commits)
	switch {
	case p.deleted && p.head == nil:
		return "deleted " + kind + " " + name
	case p.created && kind == "tag":
		return "pushed new tag " + name
	case p.created && count == 0:
		return "created " + kind + " " + name
	case kind == "tag" && count == 0 && p.head != nil:
		return "moved tag " + name
	case count == 1:
		return "pushed 1 commit to " + name
	case count == 0 && p.head == nil:
		return "deleted " + kind + " " + name
	}
	return fmt.Sprintf("pushed %d commits to %s", count, name)
}

// lines renders the commits, and the number of those omitted, in at most limit characters.
func (n *note) lines(m markup, limit int) string {
	var b strings.Builder
	used, shown := 0, 0
	for _, c := range n.commits {
		text := c.render(m)
		size := utf8.RuneCountInString(text) + len(m.newline)
		if used+size > limit-32 { // 32 for the last line
			break
		}
		if used > 0 {
			b.WriteString(m.newline)
		}
		b.WriteString(text)
		used, shown = used+size, shown+1
	}
	if more := n.more + len(n.commits) - shown; more > 0 {
		if used > 0 {
			b.WriteString(m.newline)
		}
		fmt.Fprintf(&b, "and %d more", more)
	}
	return b.String()
}

// render renders "id title - author" with a link on the id.
func (c line) render(m markup) string {
	text := m.escape(c.title)
	if c.author != "" {
		text += " - " + m.escape(c.author)
	}
	if m.bare {
		return m.bullet + m.link(c.id+" "+text, c.url)
	}
	return m.bullet + m.link(m.escape(c.id), c.url) + " " + text
}

// headline renders "[project] head subject".
func (n *note) headline(m markup) string {
	s := "[" + m.escape(n.project) + "] " + m.escape(n.head)
	if n.subject != "" {
		s += " " + m.link(m.escape(n.subject), n.url)
	}
	return s
}

// detail renders the text below the headline: the commits or the excerpt. It may be empty.
func (n *note) detail(m markup, limit int) string {
	if len(n.commits) > 0 || n.more > 0 {
		return n.lines(m, limit)
	}
	s := m.escape(n.body)
	if utf8.RuneCountInString(s) > limit {
		return m.escape(clip(n.body, limit/8)) // no escape sequence is longer than 8
	}
	return s
}

// message renders the headline and the detail below it.
func (n *note) message(m markup, limit int) string {
	head := n.headline(m)
	if detail := n.detail(m, limit-utf8.RuneCountInString(head)-len(m.newline)); detail != "" {
		return head + m.newline + detail
	}
	return head
}
