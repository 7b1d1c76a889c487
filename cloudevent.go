package hookyard

import (
	"encoding/json"
	"net/http"
)

// TypeCloudEvent is the media type of a CloudEvent in structured mode.
const TypeCloudEvent = "application/cloudevents+json"

// CloudEventType returns the type of the CloudEvent that a request with this header and body is, in binary or
// structured mode, or "" if it is none.
func CloudEventType(h http.Header, body []byte) string {
	if len(h["Ce-Specversion"]) > 0 {
		t, _ := DecodeAttribute(h.Get("Ce-Type"))
		return t
	}
	contentType := h.Get("Content-Type")
	if MediaType(contentType) != TypeCloudEvent {
		return ""
	}
	var e struct {
		SpecVersion string `json:"specversion"`
		Type        string `json:"type"`
	}
	if json.Unmarshal(Text(contentType, body), &e) != nil || e.SpecVersion == "" {
		return ""
	}
	return e.Type
}
