package format

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

// yobiPush is the payload of Yobi's push webhook, with its order of keys.
type yobiPush struct {
	Ref        []string       `json:"ref"` // full names
	Commits    []yobiCommit   `json:"commits"`
	HeadCommit *yobiCommit    `json:"head_commit"`
	Sender     yobiSender     `json:"sender"`
	Pusher     identity       `json:"pusher"`
	Repository yobiRepository `json:"repository"`
}

type yobiCommit struct {
	ID        string   `json:"id"`
	Message   string   `json:"message"`
	Timestamp string   `json:"timestamp"`
	URL       string   `json:"url"`
	Author    identity `json:"author"`
	Committer identity `json:"committer"`
}

type yobiSender struct {
	Login     string      `json:"login"`
	ID        json.Number `json:"id"`
	AvatarURL string      `json:"avatar_url"`
	Type      string      `json:"type"`
	SiteAdmin bool        `json:"site_admin"`
}

type yobiRepository struct {
	ID       json.Number `json:"id"`
	Name     string      `json:"name"`
	Owner    string      `json:"owner"`
	HTMLURL  string      `json:"html_url"`
	Overview string      `json:"overview"`
	Private  bool        `json:"private"`
}

// shapeYobi formats a push as Yobi's payload and any other event as Yona's text message. It corrects faults of Yobi:
// times have 24 hours and a colon in the zone (RFC 3339), URLs are absolute and do not end with a space.
func shapeYobi(in Input) (Shaped, error) {
	d, _, _ := in.document()
	var body any
	if p, ok := newPush(d); ok {
		body = newYobiPush(in, p)
	} else {
		n := describe(in)
		n.project = in.Project.Name
		body = struct {
			Text string `json:"text"`
		}{n.headline(slackMarkup())}
	}
	b, err := hookyard.EncodeJSON(body)
	if err != nil {
		return Shaped{}, hookyard.Errorf(hookyard.Invalid, "event %s cannot be sent in format yobi: %v", in.Event.ID,
			err)
	}
	return Shaped{Body: b, ContentType: typeJSON, Header: in.yobiSecret()}, nil
}

// yobiSecret returns the header in which Yobi sends a hook's secret, or nil if there is none.
func (in Input) yobiSecret() http.Header {
	secrets := hookyard.Live(in.Hook.Secrets, in.Now)
	if len(secrets) == 0 {
		return nil
	}
	return http.Header{"Authorization": {"token " + secrets[0]}}
}

// newYobiPush returns the payload of a push. As in Yobi, it lists commits newest first, and only the tip of a new
// branch or tag.
func newYobiPush(in Input, p *push) yobiPush {
	out := yobiPush{
		Ref: p.refs, Commits: []yobiCommit{}, Pusher: identity{p.who(), p.doc.text("pusher.email", "sender.email")},
		Sender: newYobiSender(in, p), Repository: newYobiRepository(in, p.doc.at("repository")),
	}
	if p.head != nil {
		head := newYobiCommit(in, *p.head)
		out.HeadCommit = &head
	}
	if p.created && out.HeadCommit != nil {
		out.Commits = []yobiCommit{*out.HeadCommit}
		return out
	}
	for _, c := range slices.Backward(p.commits) {
		out.Commits = append(out.Commits, newYobiCommit(in, c))
	}
	return out
}

func newYobiCommit(in Input, c commit) yobiCommit {
	link := absolute(in.BaseURL, c.URL)
	if link == "" {
		link = in.BaseURL + "/" + in.Project.Path() + "/commit/" + c.ID
	}
	return yobiCommit{ID: c.ID, Message: c.Message, Timestamp: fullTime(c.Timestamp), URL: link, Author: c.Author,
		Committer: c.Committer}
}

func newYobiSender(in Input, p *push) yobiSender {
	s := yobiSender{
		Login: p.doc.person("sender"), ID: orZero(p.doc.number("sender.id")), Type: p.doc.text("sender.type"),
		AvatarURL: absolute(in.BaseURL, p.doc.text("sender.avatar_url")), SiteAdmin: p.doc.yes("sender.site_admin"),
	}
	if s.Login == "" {
		s.Login = p.who()
	}
	if s.Type == "" {
		s.Type = "User"
	}
	return s
}

func newYobiRepository(in Input, d doc) yobiRepository {
	r := yobiRepository{
		ID: d.number("id"), Name: d.text("name"), Owner: d.person("owner"),
		HTMLURL:  absolute(in.BaseURL, d.text("html_url")),
		Overview: d.text("overview", "description"), Private: d.yes("private"),
	}
	if r.ID == "" {
		r.ID = json.Number(strconv.FormatInt(in.Project.Key, 10))
	}
	if r.Name == "" {
		r.Name = in.Project.Name
	}
	if r.Owner == "" {
		r.Owner = in.Project.Owner
	}
	if r.HTMLURL == "" {
		r.HTMLURL = in.BaseURL + "/" + in.Project.Path()
	}
	return r
}

// fullTime returns a time in RFC 3339, in its own zone, or s unchanged if it is not a time.
func fullTime(s string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return s
}
