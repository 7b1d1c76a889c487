package format

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"net/url"
	"strings"

	"github.com/hookyard/hookyard"
)

// notification is the payload of a webhook of NetBeans (Kenai), with keys in the order of its sample. Project,
// project_href, event and time are always present.
type notification struct {
	Message     string          `json:"message,omitempty"`
	User        string          `json:"user,omitempty"`
	Time        string          `json:"time"`
	Project     string          `json:"project"`
	Event       string          `json:"event"`
	ID          int64           `json:"id"`
	ProjectHref string          `json:"project_href"`
	Feature     string          `json:"feature,omitempty"`
	FeatureHref string          `json:"feature_href,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// revision is one commit in the data of an scm event.
type revision struct {
	Revision string      `json:"revision"`
	Message  string      `json:"message"`
	Changes  [][2]string `json:"changes"` // {"A" added, "M" modified or "D" deleted; path}
}

// shapeNetBeans formats an event as a notification: a push as event scm, any other under its own type with the user,
// feature, message and data of its publisher.
func shapeNetBeans(in Input) (Shaped, error) {
	e := in.Event
	n := notification{
		Time: happened(e).UTC().Format("2006-01-02T15:04:05Z"), Project: in.Project.Name, Event: e.Type,
		ProjectHref: in.BaseURL + "/api/projects/" + in.Project.Path(),
	}
	d, data, ok := in.document()
	n.ID = notificationID(e, d)
	p, isPush := newPush(d)
	large := false
	n.User = d.person("user", "actor", "sender", "pusher")
	n.Feature = d.text("feature")
	n.Message = d.text("message")
	switch {
	case isPush:
		n.describePush(p)
	case ok:
		n.describeOther(d, data)
	case len(e.Data()) > 0:
		n.Message = in.tooLarge()
		large = true
	}
	if n.Event == "" {
		n.Event = "event"
	}
	if n.Feature != "" {
		n.FeatureHref = n.ProjectHref + "/features/" + url.PathEscape(n.Feature)
	}
	b, err := hookyard.EncodeJSON(n)
	if err != nil {
		return Shaped{}, hookyard.Errorf(hookyard.Invalid, "event %s cannot be sent in format netbeans: %v", e.ID, err)
	}
	if large { // encoding/json would copy it four times
		whole := make([]byte, 0, len(b)+len(e.Body)+16)
		whole = append(append(whole, bytes.TrimSuffix(b, []byte{'}'})...), `,"data":`...)
		b = append(appendData(whole, e), '}')
	}
	return Shaped{Body: b, ContentType: typeJSON}, nil
}

func (n *notification) describePush(p *push) {
	n.Event = "scm"
	if n.Feature == "" {
		n.Feature = "git"
	}
	if who := p.who(); who != "" {
		n.User = who
	}
	what := "SCM " + pushed(p)
	if p.head != nil && len(p.commits) > 0 {
		what = "SCM commit: " + oneLine(firstLine(p.head.Message), 200)
	}
	if n.Message == "" {
		n.Message = "[" + n.Feature + "] " + what
		if n.User != "" {
			n.Message += " (" + n.User + ")"
		}
	}
	revisions := make([]revision, 0, len(p.commits))
	for _, c := range p.commits {
		revisions = append(revisions, newRevision(c))
	}
	n.Data, _ = hookyard.EncodeJSON(revisions) // only strings: cannot fail
}

func newRevision(c commit) revision {
	r := revision{Revision: c.ID, Message: strings.TrimRight(c.Message, "\r\n"), Changes: [][2]string{}}
	for _, changed := range []struct {
		op    string
		paths []string
	}{{"A", c.Added}, {"M", c.Modified}, {"D", c.Removed}} {
		for _, path := range changed.paths {
			r.Changes = append(r.Changes, [2]string{changed.op, path})
		}
	}
	return r
}

// describeOther sets the data to the member "data" of the published data, or to all of it.
func (n *notification) describeOther(d doc, data []byte) {
	n.Data = bytes.TrimSpace(data)
	var members struct {
		Data json.RawMessage `json:"data"`
	}
	if d.isObject() && json.Unmarshal(data, &members) == nil && len(members.Data) > 0 {
		n.Data = members.Data
	}
	if n.Message == "" {
		n.Message = d.text("title", "issue.title", "pull_request.title", "ticket.title", "ticket.summary")
	}
}

// notificationID returns a number that is the same for every attempt: that of a notification which was published, the
// seq of the event, or a hash of its id.
func notificationID(e *hookyard.Event, d doc) int64 {
	if d.text("event") == e.Type && d.text("time") != "" && d.text("project_href") != "" {
		if id, err := d.number("id").Int64(); err == nil {
			return id
		}
	}
	if e.Seq > 0 {
		return e.Seq
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(e.ID)) // cannot fail
	return int64(h.Sum32())
}
