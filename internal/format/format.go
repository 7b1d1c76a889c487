// Package format shapes a stored event for one hook on its way out: one file for each format. It never changes the
// stored event; what it returns may share the event's memory and must not be changed either. Everything here is a pure
// function of its input and safe for concurrent use.
package format

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// The names of the formats.
const (
	Raw               = hookyard.FormatRaw
	CloudEvents       = "cloudevents"        // structured mode
	CloudEventsBinary = "cloudevents-binary" // binary mode
	Discord           = "discord"
	GitHub            = "github"
	GoogleChat        = "googlechat"
	NetBeans          = "netbeans"
	Slack             = "slack"
	Teams             = "teams"
	Template          = "template"
	Text              = "text"
	WebGME            = "webgme"
	Yobi              = "yobi"
)

// The values of Hook.ContentType, besides "" which means JSON.
const (
	contentJSON = "json"
	contentForm = "form" // payload=<json>, as GitHub does; data=<json> for NetBeans
	contentText = "text" // only for format text
)

// Input is what a format may look at. Nothing in it is changed.
type Input struct {
	Event   *hookyard.Event
	Hook    *hookyard.Hook
	Project *hookyard.Project
	BaseURL string    // public URL of this server, no trailing slash
	Now     time.Time // tells which of the hook's secrets are live
	Thread  string    // googlechat: the thread's name remembered for (hook, resource), or ""
}

// Shaped is a request as far as the format decides it. The caller adds the headers that every delivery has and signs
// Body as it stands here.
type Shaped struct {
	Body        []byte
	ContentType string
	Header      http.Header // what the format adds, or nil
	Resource    string      // chat formats: key of the thing talked about, under which a thread is remembered; or ""
}

// Shape gives the event the named format ("" means raw). It fails with a *hookyard.Error when the event cannot be
// shaped so: another attempt would fail the same way. No body makes it panic, and what it makes of a body is bounded.
func Shape(format string, in Input) (Shaped, error) {
	if in.Event.Body == nil && in.Event.Size > 0 {
		return Shaped{}, hookyard.Errorf(hookyard.Gone, "the bytes of event %s are past their retention", in.Event.ID)
	}
	if format == "" || format == Raw {
		return shapeRaw(in), nil
	}
	shape := shaper(format)
	if shape == nil {
		return Shaped{}, unknown(format)
	}
	s, err := shape(in)
	if err != nil {
		return Shaped{}, err
	}
	if in.Hook.ContentType == contentForm && takesForm(format) {
		s.Body, s.ContentType = encodeForm(formField(format), s.Body), typeForm
	}
	return s, nil
}

// Names returns the names of the formats, sorted.
func Names() []string {
	return []string{
		CloudEvents, CloudEventsBinary, Discord, GitHub, GoogleChat, NetBeans, Raw, Slack, Teams, Template, Text,
		WebGME, Yobi,
	}
}

// shaper returns what shapes the named format, or nil.
func shaper(format string) func(Input) (Shaped, error) {
	switch format {
	case CloudEvents:
		return shapeCloudEvents
	case CloudEventsBinary:
		return shapeCloudEventsBinary
	case Discord:
		return shapeDiscord
	case GitHub:
		return shapeGitHub
	case GoogleChat:
		return shapeGoogleChat
	case NetBeans:
		return shapeNetBeans
	case Slack:
		return shapeSlack
	case Teams:
		return shapeTeams
	case Template:
		return shapeTemplate
	case Text:
		return shapeText
	case WebGME:
		return shapeWebGME
	case Yobi:
		return shapeYobi
	}
	return nil
}

// Check says at save time whether the hook can be sent in the format ("" means raw). It returns a *hookyard.Error that
// names the field.
func Check(h *hookyard.Hook, format string) error {
	if format == "" {
		format = Raw
	}
	if !slices.Contains(Names(), format) {
		return unknown(format)
	}
	if h.ContentType == contentForm && !takesForm(format) {
		return hookyard.FieldErrorf("contentType", "format %s cannot be sent as a form; set contentType to \"json\"",
			format)
	}
	if h.ContentType == contentText && format != Text {
		return hookyard.FieldErrorf("contentType",
			"contentType \"text\" is for format text; set it to \"json\" or \"form\"")
	}
	if format == Template {
		return checkTemplate(h.Template)
	}
	return nil
}

func unknown(format string) error {
	return hookyard.FieldErrorf("format", "format %q is not known; it must be one of %s", format,
		strings.Join(Names(), ", "))
}

// The content types that formats write.
const (
	typeJSON  = "application/json"
	typeForm  = "application/x-www-form-urlencoded"
	typeText  = "text/plain; charset=utf-8"
	typeOctet = "application/octet-stream"
)

// takesForm says whether the format means the same inside a form field. A CloudEvent's mode is told by its content
// type, so a form would not be one.
func takesForm(format string) bool { return format != CloudEvents && format != CloudEventsBinary }

// formField is the field that holds the JSON: GitHub's name, or the one that NetBeans' own sample receiver reads.
func formField(format string) string {
	if format == NetBeans {
		return "data"
	}
	return "payload"
}

func encodeForm(field string, body []byte) []byte {
	return []byte(field + "=" + url.QueryEscape(string(body)))
}
