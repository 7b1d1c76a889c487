package format

import (
	"cmp"
	"strings"
)

// describeThing describes an object that is not a push. It returns false if the object has none of the expected
// members.
func (n *note) describeThing(eventType string, d doc) bool {
	actor := d.person("sender", "actor", "user", "pusher")
	action := verb(eventType, d)
	kind, thing := thingOf(d)
	switch {
	case d.text("ref_type") != "":
		n.describeRef(eventType, d)
	case d.person("member", "target") != "":
		n.describeRole(action, d)
	case kind != "":
		n.describeKind(kind, thing, action, d)
	default:
		return n.describePublished(eventType, actor, d)
	}
	if actor != "" {
		n.head = oneLine(actor, maxName) + " " + n.head
	}
	return true
}

// thingOf returns the subject of an event in GitHub's shape and its kind.
func thingOf(d doc) (kind string, thing doc) {
	for _, kind := range []string{"pull_request", "issue", "ticket", "discussion", "posting", "release", "milestone",
		"workflow_run", "check_run"} {
		if thing := d.at(kind); thing.isObject() {
			return kind, thing
		}
	}
	if comment := d.at("comment"); comment.isObject() {
		return "commit", doc{map[string]any{}}
	}
	return "", doc{}
}

// describeKind describes "alice opened issue #3: title", or with a comment "alice commented on issue #3: title".
func (n *note) describeKind(kind string, thing doc, action string, d doc) {
	name := strings.ReplaceAll(kind, "_", " ")
	number := thing.text("number")
	if kind == "ticket" && number == "" {
		number = thing.text("id")
	}
	n.subject = subject(number, thing.text("title", "name", "summary", "tag_name"))
	n.url = thing.text("html_url", "web_url", "url")
	n.resource = kind + "/" + cmp.Or(number, thing.text("id"))
	if comment := d.at("comment"); comment.isObject() {
		n.head, n.body = "commented on "+name, comment.text("body", "message", "text")
		if action == "edited" || action == "deleted" || action == "updated" {
			n.head = action + " a comment on " + name
		}
		if at := comment.text("html_url", "web_url", "url"); at != "" {
			n.url = at
		}
		if sha := comment.text("commit_id"); kind == "commit" && sha != "" {
			n.subject, n.resource = shortID(sha), "commit/"+sha
		}
		n.mood = moodOf(action)
		return
	}
	if thing.yes("merged") && action == "closed" {
		action = "merged"
	}
	n.head = strings.TrimSpace(action + " " + name)
	n.mood = moodOf(cmp.Or(thing.text("conclusion"), action))
	if action == "opened" || action == "published" || action == "created" {
		n.body = thing.text("body", "description", "message")
	}
	n.fields = thingFields(kind, thing)
}

// describeRef describes GitHub's create and delete events.
func (n *note) describeRef(eventType string, d doc) {
	action, tone := "created ", good
	if strings.HasPrefix(eventType, "delete") {
		action, tone = "deleted ", bad
	}
	n.head = action + oneLine(d.text("ref_type"), 20) + " " + oneLine(d.text("ref"), maxName)
	n.mood = tone
}

// describeRole describes "alice added member bob (writer)".
func (n *note) describeRole(action string, d doc) {
	member := oneLine(d.person("member", "target"), maxName)
	role := oneLine(d.text("role", "role_name", "permission"), 40)
	if action == "" {
		action = "changed"
	}
	n.head = action + " member " + member
	n.mood = moodOf(action)
	n.resource = "member/" + member
	if role != "" {
		n.head += " (" + role + ")"
	}
	n.body = d.text("message")
}

// describePublished describes events in a publisher's own shape: "order.created by alice: #7: title".
func (n *note) describePublished(eventType, actor string, d doc) bool {
	title := d.text("title", "name", "summary")
	message := d.text("message", "text", "description")
	number := d.text("number")
	ofGitHub := d.at("sender").isObject() && d.at("repository").isObject()
	if title == "" && message == "" && number == "" && !ofGitHub {
		return false
	}
	n.head = oneLine(strings.TrimSpace(eventName(eventType)+" "+d.text("action")), maxHead-maxName-4)
	if actor != "" {
		n.head += " by " + oneLine(actor, maxName)
	}
	n.subject = subject(number, title)
	n.url = d.text("url", "html_url", "link")
	n.body = message
	if n.subject == "" && n.url != "" {
		n.subject = "open"
	}
	if n.subject != "" && n.subject != "open" {
		n.head += ":"
	}
	n.mood = moodOf(verb(eventType, d))
	group, _, _ := strings.Cut(eventName(eventType), ".")
	switch {
	case number != "":
		n.resource = group + "/" + number
	case n.url != "":
		n.resource = n.url
	}
	return true
}

// subject returns "#3: title", without what is missing.
func subject(number, title string) string {
	switch {
	case number == "":
		return title
	case title == "":
		return "#" + number
	}
	return "#" + number + ": " + title
}

// thingFields returns the fields that Yona shows: milestone, assignee and status of an issue, from and to of a pull
// request.
func thingFields(kind string, thing doc) []field {
	paths := []field{{"Milestone", "milestone.title"}, {"Assignee", "assignee"}, {"Status", "state"}}
	if kind == "pull_request" {
		paths = []field{{"Sender", "user"}, {"From", "head.ref"}, {"To", "base.ref"}}
	}
	var out []field
	for _, f := range paths {
		if v := thing.person(f.value); v != "" {
			out = append(out, field{f.title, oneLine(v, maxTitle)})
		}
	}
	return out
}

// verb returns what was done: the action in the payload, the meaning of Yona's event names, or else the last part of a
// dotted type.
func verb(eventType string, d doc) string {
	if action := d.text("action"); action != "" {
		return strings.ReplaceAll(oneLine(action, 40), "_", " ")
	}
	switch eventType {
	case "NEW_ISSUE", "NEW_PULL_REQUEST":
		return "opened"
	case "NEW_POSTING":
		return "posted"
	case "ISSUE_STATE_CHANGED":
		return "changed the state of"
	case "ISSUE_ASSIGNEE_CHANGED":
		return "changed the assignee of"
	case "ISSUE_BODY_CHANGED":
		return "edited"
	case "ISSUE_MILESTONE_CHANGED":
		return "changed the milestone of"
	case "ISSUE_MOVED":
		return "moved"
	case "RESOURCE_DELETED":
		return "deleted"
	case "COMMENT_UPDATED":
		return "updated"
	case "PULL_REQUEST_MERGED":
		return "merged"
	case "PULL_REQUEST_COMMIT_CHANGED":
		return "changed the commits of"
	case "PULL_REQUEST_REVIEW_STATE_CHANGED":
		return "changed the review state of"
	}
	if _, last, ok := strings.Cut(eventType, "."); ok {
		return strings.ReplaceAll(oneLine(last[strings.LastIndexByte(last, '.')+1:], 40), "_", " ")
	}
	return ""
}

func moodOf(action string) mood {
	switch action {
	case "opened", "reopened", "created", "added", "published", "posted", "approved", "completed", "succeeded",
		"success", "paid":
		return good
	case "closed", "deleted", "removed", "failed", "failure", "rejected", "canceled", "cancelled":
		return bad
	case "merged":
		return merged
	}
	return neutral
}
