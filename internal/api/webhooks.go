package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hookyard/hookyard"
)

// webhooks describes hookyard's own events, as hooks of format raw send them.
func webhooks(registry huma.Registry) map[string]*huma.PathItem {
	out := map[string]*huma.PathItem{}
	for _, own := range []struct {
		name, summary string
		data          any
	}{
		{hookyard.MetaHookDisabled, "A hook was switched off because its receiver keeps failing",
			hookyard.HookDisabled{}},
		{hookyard.MetaDeliveryFailed, "A delivery was given up; stored only if a hook selects it",
			hookyard.DeliveryFailed{}},
		{hookyard.MetaAudit, "An entry of an audit log, in the project of --audit-project", hookyard.AuditEntry{}},
	} {
		body := &huma.Schema{Type: huma.TypeObject, Required: []string{"type", "timestamp", "data"},
			Properties: map[string]*huma.Schema{
				"type":      {Type: huma.TypeString, Enum: []any{own.name}},
				"timestamp": {Type: huma.TypeString, Format: "date-time"},
				// in place: generators of clients drop components to which no path refers
				"data": registry.Schema(reflect.TypeOf(own.data), false, ""),
			}}
		out[own.name] = &huma.PathItem{Post: &huma.Operation{Method: http.MethodPost, Summary: own.summary,
			Description: "Sent to hooks that name the type; those for all events do not get it.",
			Tags:        []string{"hooks"},
			Parameters: []*huma.Param{signatureHeader("webhook-id"), signatureHeader("webhook-timestamp"),
				signatureHeader("webhook-signature")},
			RequestBody: &huma.RequestBody{Required: true,
				Content: map[string]*huma.MediaType{"application/json": {Schema: body}}},
			Responses: map[string]*huma.Response{"2XX": {Description: "The event is accepted"}}}}
	}
	return out
}

func signatureHeader(name string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: "of Standard Webhooks",
		Schema: &huma.Schema{Type: huma.TypeString}}
}
