package catalogue

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hookyard/hookyard"
)

const openAPI31 = `
openapi: 3.1.0
info: {title: Shop, version: "1"}
webhooks:
  order.created:
    post:
      summary: An order was placed
      tags: [Orders, Other]
      x-feature-flags: [beta]
      requestBody:
        content:
          text/plain: {schema: {type: string}}
          application/json:
            schema: {$ref: '#/components/schemas/Order'}
            examples:
              one: {value: {id: 7, placed: 2026-01-31, big: 12345678901234567890}}
  order.paid:
    post:
      deprecated: true
      requestBody:
        $ref: '#/components/requestBodies/Paid'
  ping:
    post: {}
components:
  requestBodies:
    Paid:
      content:
        application/json:
          schema:
            type: object
            properties:
              type: {const: order.paid}
              timestamp: {type: string}
              data: {$ref: '#/components/schemas/Order'}
          example: {type: order.paid, timestamp: x, data: {id: 8}}
  schemas:
    Order:
      type: object
      required: [id]
      properties:
        id: {type: integer}
        parent: {$ref: '#/components/schemas/Order'}
        line: {$ref: '#/components/schemas/Line'}
    Line:
      properties:
        order: {$ref: '#/components/schemas/Order'}
        of: {$ref: '#/components/schemas/Line'}
`

const openAPI30 = `{"openapi":"3.0.3","x-webhooks":{"a":{"post":{"description":"An a","requestBody":{"content":{
	"application/json":{"schema":{"type":"object","properties":{
		"n":{"type":"integer","nullable":true,"minimum":0,"exclusiveMinimum":true},
		"m":{"nullable":true,"allOf":[{"$ref":"#/components/schemas/M"}]}}}}}}}}},
	"components":{"schemas":{"M":{"type":"string","enum":["x"],"nullable":true}}}}`

const asyncAPI = `
asyncapi: 3.0.0
channels:
  orders:
    messages:
      created: {$ref: '#/components/messages/Created'}
      asked: {payload: {type: string}}
operations:
  tell:
    action: send
    channel: {$ref: '#/channels/orders'}
    messages: [{$ref: '#/channels/orders/messages/created'}]
  listen:
    action: receive
    channel: {$ref: '#/channels/orders'}
components:
  messages:
    Created:
      name: order.created
      title: An order
      tags: [{name: Orders}]
      payload:
        schemaFormat: application/schema+json;version=draft-07
        schema: {type: object, properties: {id: {$ref: '#/components/schemas/ID'}}}
      examples: [{payload: {id: 7}}]
  schemas:
    ID: {type: integer}
`

func TestRead(t *testing.T) {
	t.Parallel()
	of := func(schema string) map[string]json.RawMessage {
		return map[string]json.RawMessage{"1": json.RawMessage(schema)}
	}
	const order = `{"$defs":{"Line":{"properties":{"of":{"$ref":"#/$defs/Line"},"order":{"$ref":"#"}}}},` +
		`"properties":{"id":{"type":"integer"},"line":{"$ref":"#/$defs/Line"},"parent":{"$ref":"#"}},` +
		`"required":["id"],"type":"object"}`
	for doc, want := range map[string][]*hookyard.EventType{
		openAPI31: {
			{Name: "order.created", Description: "An order was placed", Group: "Orders", FeatureFlags: []string{"beta"},
				Schemas: of(order),
				Example: json.RawMessage(`{"big":12345678901234567890,"id":7,"placed":"2026-01-31"}`)},
			{Name: "order.paid", Deprecated: true, Schemas: of(order), Example: json.RawMessage(`{"id":8}`)},
			{Name: "ping"},
		},
		openAPI30: {{Name: "a", Description: "An a", Schemas: of(`{"$defs":{"M":{"enum":["x",null],"type":["string",` +
			`"null"]}},"properties":{"m":{"anyOf":[{"allOf":[{"$ref":"#/$defs/M"}]},{"type":"null"}]},"n":` +
			`{"exclusiveMinimum":0,"type":["integer","null"]}},"type":"object"}`)}},
		asyncAPI: {{Name: "order.created", Description: "An order", Group: "Orders",
			Example: json.RawMessage(`{"id":7}`), Schemas: of(`{"$defs":{"ID":{"type":"integer"}},"properties":` +
				`{"id":{"$ref":"#/$defs/ID"}},"type":"object"}`)}},
	} {
		got, err := Read([]byte(doc))
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, one := range got {
			if one.Schemas == nil {
				continue
			}
			if _, err := Compile(one.Schema()); err != nil {
				t.Errorf("%s: %v", one.Name, err)
			}
		}
		exported, err := OpenAPI("Webhooks", "1", got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(exported)
		if err != nil {
			t.Fatalf("%v in\n%s", err, exported)
		}
		for _, one := range got { // a made example and no schema become given ones
			one.Example = Example(one)
			if one.Schemas == nil {
				one.Schemas = of(`{}`)
			}
		}
		if diff := cmp.Diff(got, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("exported and read again (-want +got):\n%s", diff)
		}
	}
}

func TestReadBad(t *testing.T) {
	t.Parallel()
	webhook := func(schema string) string {
		return `{"openapi":"3.1.0","webhooks":{"a":{"post":{"requestBody":{"content":{"application/json":` +
			`{"schema":` + schema + `}}}}}},"components":{"schemas":{"Big":{"enum":["` +
			strings.Repeat("x", 70_000) + `"]},` +
			`"A":{"$ref":"#/components/schemas/B"},"B":{"$ref":"#/components/schemas/A"}}}}`
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 10) + "]\n"
	}
	for doc, want := range map[string]string{
		``:                                  "object",
		`[]`:                                "object",
		`{"openapi":3}`:                     "neither",
		`{"openapi":"2"}`:                   "OpenAPI 2",
		`swagger: "2.0"`:                    "neither",
		`asyncapi: 2.6.0`:                   "AsyncAPI 2.6.0",
		`asyncapi: 3.0.0`:                   "no messages",
		"a: [":                              "YAML",
		`{"openapi":"3.1"`:                  "JSON",
		`{"openapi":"3.1.0","webhooks":{}}`: "no webhooks",
		webhook(`{"$ref":"https://example.com/a.json"}`):         "type a: $ref https://example.com/a.json leads out",
		webhook(`{"items":{"$ref":"other.yaml#/A"}}`):            "event type a: $ref other.yaml#/A leads out",
		webhook(`{"$ref":"#/components/schemas/None"}`):          "leads nowhere",
		webhook(`{"$ref":"#/components/schemas/A"}`):             "circle",
		webhook(`{"items":{"$ref":"#/components/schemas/Big"}}`): "65536 bytes",
		bomb:                                  "",
		strings.Repeat("a:\n", 2_000_000):     "bytes",
		strings.Repeat(",", 600_000):          "values",
		strings.Repeat("[", 1000):             "",
		`{"a":` + strings.Repeat("[", 100000): "nested",
		"&a [*a]":                             "",
		"openapi: .inf":                       "number",
		"? [a]\n: b":                          "name",
	} {
		_, err := Read([]byte(doc))
		if code := hookyard.CodeOf(err); code != hookyard.Invalid && code != hookyard.TooLarge ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want one with %q", doc, err, want)
		}
	}
}
