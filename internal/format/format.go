// Package format turns a stored event into the body of a request to a hook. Each format has its own file. The functions
// never modify the event. What they return may share its memory and must not be modified either. They depend only on
// their input and are safe for concurrent use.
package format

import (
	"fmt"
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

// The values of Hook.ContentType. Empty means JSON.
const (
	contentJSON = "json"
	contentForm = "form" // payload=<json>, as in GitHub; data=<json> for NetBeans
	contentText = "text" // only for formats text and template
)

// Input is the input of a format. It is not modified.
type Input struct {
	Event   *hookyard.Event
	Hook    *hookyard.Hook
	Project *hookyard.Project
	BaseURL string    // public URL of this server, no trailing slash
	Now     time.Time // determines which secrets of the hook are live
	Thread  string    // googlechat: the name of the thread stored for hook and resource, or ""
	Decode  int64     // bytes of a body that is decoded; 0 means the default
	packed  bool      // the body is compressed, and cannot be decompressed within the limit
}

// tooLarge returns why the body is not decoded, or "".
func (in Input) tooLarge() string {
	limit := in.Decode
	if limit == 0 {
		limit = hookyard.DefaultLimits().Decode
	}
	if n := in.Event.Size; n > limit {
		return fmt.Sprintf("the body has %d bytes, and only bodies of at most %d are decoded (setting: --max-decode)",
			n, limit)
	}
	if in.packed {
		return fmt.Sprintf("the body is compressed, and only bodies of at most %d bytes are decompressed (setting: "+
			"--max-decode)", limit)
	}
	return ""
}

// unpacked returns in with the body of the event decompressed, so that a format that reads it several times does not
// decompress it as often.
func (in Input) unpacked() Input {
	e, ok := in.Event.Unpacked()
	in.Event, in.packed = e, !ok
	return in
}

// document returns the JSON of the event, also decoded. ok is false if there is none, or it is too large to be decoded.
func (in Input) document() (d doc, data []byte, ok bool) {
	if in.tooLarge() != "" {
		return doc{}, nil, false
	}
	data, ok = payload(in.Event)
	return newDoc(data, ok), data, ok
}

// Shaped is the part of a request that the format determines. The caller adds the common headers and signs Body.
type Shaped struct {
	Body        []byte
	ContentType string
	Header      http.Header // additional headers, or nil
	Resource    string      // chat formats: key of the subject, for storing its thread; or ""
}

// Shape formats the event in the named format; "" means raw. A *hookyard.Error means that the event cannot be
// formatted, and another attempt would fail the same way. Shape does not panic on any body, and its result is bounded.
func Shape(format string, in Input) (Shaped, error) {
	if in.Event.Body == nil && in.Event.Size > 0 && (in.Decode == 0 || NeedsBody(format, in.Event.Size, in.Decode)) {
		return Shaped{}, hookyard.Errorf(hookyard.Gone, "the bytes of event %s are past their retention", in.Event.ID)
	}
	if format == "" || format == Raw {
		return shapeRaw(in), nil
	}
	shape := shaper(format)
	if shape == nil {
		return Shaped{}, unknown(format)
	}
	in = in.unpacked()
	isCloudEvents := format == CloudEvents || format == CloudEventsBinary
	if why := in.tooLarge(); why != "" && isCloudEvents && isStructured(in.Event) {
		return Shaped{}, hookyard.Errorf(hookyard.TooLarge,
			"event %s is a CloudEvent whose attributes are in its body, but %s", in.Event.ID, why)
	}
	s, err := shape(in)
	if err != nil {
		return Shaped{}, err
	}
	if in.Project.Preset == Yobi && (format == Slack || format == GoogleChat) { // its detailed types
		s.Header = in.yobiSecret()
	}
	if in.Hook.ContentType == contentForm && takesForm(format) {
		s.Body, s.ContentType = encodeForm(formField(format), s.Body), typeForm
	}
	return s, nil
}

// NeedsBody reports whether the named format uses the body of an event of size bytes, when bodies of at most decode
// bytes are decoded.
func NeedsBody(format string, size, decode int64) bool {
	return size <= decode || !slices.Contains([]string{Discord, GoogleChat, Slack, Teams, Template, Text, Yobi}, format)
}

// Decodes reports whether the named format decodes the bodies of events, which takes memory.
func Decodes(format string) bool {
	return !slices.Contains([]string{"", Raw, GitHub, WebGME}, format)
}

// Copies reports whether the named format makes a body of its own from that of the event.
func Copies(format string) bool { return !slices.Contains([]string{"", Raw, GitHub}, format) }

// Names returns the names of the formats, sorted.
func Names() []string {
	return []string{
		CloudEvents, CloudEventsBinary, Discord, GitHub, GoogleChat, NetBeans, Raw, Slack, Teams, Template, Text,
		WebGME, Yobi,
	}
}

// shaper returns the function for the named format, or nil. Raw has none.
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

// Check returns a *hookyard.Error that names the field if the hook cannot use the format; "" means raw. Call it before
// saving a hook.
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
	if h.ContentType == contentText && format != Text && format != Template {
		return hookyard.FieldErrorf("contentType",
			"contentType \"text\" is for the formats text and template; set it to \"json\" or \"form\"")
	}
	if format == Template {
		return checkTemplate(h.Template)
	}
	return nil
}

// unknown returns the error for an unknown format.
func unknown(format string) error {
	return hookyard.FieldErrorf("format", "format %q is not known; it must be one of %s", format,
		strings.Join(Names(), ", "))
}

// The content types of the formats.
const (
	typeJSON  = "application/json"
	typeForm  = "application/x-www-form-urlencoded"
	typeText  = "text/plain; charset=utf-8"
	typeOctet = "application/octet-stream"
)

// takesForm reports whether the format can be sent in a form. A CloudEvent cannot, because its content type says in
// which mode it is.
func takesForm(format string) bool { return format != CloudEvents && format != CloudEventsBinary }

// formField returns the field for the JSON: GitHub's, or the one in the sample receiver of NetBeans.
func formField(format string) string {
	if format == NetBeans {
		return "data"
	}
	return "payload"
}

func encodeForm(field string, body []byte) []byte {
	return []byte(field + "=" + url.QueryEscape(string(body)))
}
