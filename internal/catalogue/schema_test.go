package catalogue

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

const orderSchema = `{"type":"object","required":["id","total"],"properties":{
	"id":{"type":"string","pattern":"^ord_[0-9]+$"},
	"total":{"type":"number","minimum":0},
	"state":{"enum":["open","paid"]},
	"lines":{"type":"array","items":{"$ref":"#/$defs/line"}},
	"note":{"anyOf":[{"type":"string"},{"type":"null"}]}},
	"$defs":{"line":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"parts":{
		"type":"array","items":{"$ref":"#/$defs/line"}}}}}}`

func TestCheck(t *testing.T) {
	t.Parallel()
	s, err := Compile([]byte(orderSchema))
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{"id":"ord_1","total":1.5}`: "",
		`{"id":"ord_1","total":1e2,"state":"paid","lines":[{"sku":"a"}],"note":null}`: "",
		`{"id":"ord_1","total":"1"}`:             "data.total",
		`{"id":"x","total":1}`:                   "data.id",
		`{"id":"ord_1"}`:                         "data",
		`{"id":"ord_1","total":-1}`:              "data.total",
		`{"id":"ord_1","total":1,"state":"new"}`: "data.state",
		`{"id":"ord_1","total":1,"note":7}`:      "data.note",
		`{"id":"ord_1","total":1,"lines":[{"sku":"a"},{"sku":"b","parts":[{}]}]}`: "data.lines.1.parts.0",
		`{"id":"ord_1","total":1e999999}`:                                         "data",
		`7`:                                                                       "data",
		`{"id":7,"total":"x","lines":7}`:                                          "data.id",
	} {
		err := s.Check([]byte(data), new(MaxSteps))
		var e *hookyard.Error
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", data, err)
		case want != "" && (!errors.As(err, &e) || e.Code != hookyard.Unprocessable || e.Field != want):
			t.Errorf("%s: %#v, want one about %s", data, err, want)
		}
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{}`:    "",
		`true`:  "",
		`false`: "",
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{}]}`: "",
		`{"items":[{"type":"string"}]}`:                                      "", // valid in draft 7 only
		`{"type":"strin"}`:                                                   "schema.type",
		`{"properties":{"a":{"minimum":"x"}}}`:                               "schema.properties.a.minimum",
		`[]`:                                                                 "schema: ",
		`{"$ref":"https://example.com/order.json"}`:                          "not fetched",
		`{"$ref":"file:///etc/passwd"}`:                                      "not fetched",
		`{"$ref":"other.json"}`:                                              "not fetched",
		`{"$schema":"https://example.com/meta"}`:                             "not fetched",
		`{"$ref":"#/$defs/none"}`:                                            "$defs/none",
		`{"$dynamicRef":"#a"}`:                                               "$dynamicRef",
		`{"pattern":"(?=a)b"}`:                                               "pattern",
		`{"pattern":"a{1000}b{1000}c{1000}"}`:                                "pattern",
		`{"maximum":1e999999}`:                                               "exponent",
		`{`:                                                                  "not valid JSON",
	} {
		_, err := Compile([]byte(schema))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", schema, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want one with %q", schema, err, want)
		case err != nil && hookyard.CodeOf(err) != hookyard.Invalid:
			t.Errorf("%s: code %q", schema, hookyard.CodeOf(err))
		case err != nil && strings.Contains(err.Error(), "schema:///"):
			t.Errorf("%s: %v shows an internal address", schema, err)
		}
	}
}

// costlySchemas are schemas and data that would take hours.
func costlySchemas() map[string][2]string {
	var chain, leaf strings.Builder
	for _, b := range []*strings.Builder{&chain, &leaf} {
		b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
		for i := range 60 {
			kind := "allOf"
			if b == &leaf {
				kind = "anyOf"
			}
			n, next := itoa(i), itoa(i+1)
			b.WriteString(`"d` + n + `":{"` + kind + `":[{"$ref":"#/$defs/d` + next + `"},{"$ref":"#/$defs/d` + next +
				`"}]},`)
		}
	}
	chain.WriteString(`"d60":{}}}`)
	leaf.WriteString(`"d60":{"type":"null"}}}`)
	deep := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	long := `"` + strings.Repeat("a", 900_000) + `"`
	numbers := "[" + strings.Repeat("1e400,", 150_000) + "1]"
	words := "[" + strings.Repeat(`1,`, 450_000) + "1]"
	return map[string][2]string{
		"all of all":          {chain.String(), `{}`},
		"any of any":          {leaf.String(), `{}`},
		"twice at each level": {`{"properties":{"a":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}`, deep},
		"a long text":         {`{"pattern":"(a|b|c){200}x"}`, long},
		"many long patterns":  {`{"allOf":[` + strings.Repeat(`{"pattern":"(a|b)*c"},`, 1000) + `{}]}`, long},
		"numbers":             {`{"items":{"multipleOf":0.0000001}}`, numbers},
		"enum":                {`{"items":{"enum":[` + strings.Repeat("2,", 20_000) + `3]}}`, words},
		"unique": {`{"$ref":"#/$defs/a","$defs":{"a":{"uniqueItems":true,"items":{"allOf":[{"$ref":"#/$defs/a"},` +
			`{"uniqueItems":true}]}}}}`, strings.Repeat("[1,", 90) + words + strings.Repeat("]", 90)},
	}
}

func itoa(i int) string {
	b, _ := json.Marshal(i)
	return string(b)
}

// TestCostly holds that a check ends in time, whatever the schema.
func TestCostly(t *testing.T) {
	t.Parallel()
	for name, c := range costlySchemas() {
		s, err := Compile([]byte(c[0]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		began := time.Now()
		err = s.Check([]byte(c[1]), new(MaxSteps/10))
		t.Logf("%s: %v after %v", name, err, time.Since(began))
		if hookyard.CodeOf(err) != hookyard.Unprocessable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExample(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		orderSchema: `{"id":"text","lines":[{"parts":[{"parts":[{"sku":"text"}],"sku":"text"}],"sku":"text"}],` +
			`"note":"text","state":"open","total":0}`,
		`{}`:                              `{}`,
		`true`:                            `{}`,
		``:                                `{}`,
		`{"type":["null","integer"]}`:     `1`,
		`{"const":7}`:                     `7`,
		`{"format":"email"}`:              `"ada@example.com"`,
		`{"type":"string","maxLength":2}`: `"te"`,
		`{"$ref":"#"}`:                    `{}`,
		`{"$ref":"#/$defs/a%2Fb","$defs":{"a/b":{"type":"boolean"}}}`:                          `{}`,
		`{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"boolean"}}}`:                           `true`,
		`{"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{"default":"x"}}}]}`:    `{"a":1,"b":"x"}`,
		`{"type":"array","minItems":1000000,"items":{"type":"array","minItems":9,"items":{}}}`: ``,
		`{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},"c":{"$ref":"#"},"d":{"$ref":"#"}}}`: ``,
	} {
		e := &hookyard.EventType{Schemas: map[string]json.RawMessage{"1": json.RawMessage(schema)}}
		got := string(Example(e))
		if want != "" && got != want || len(got) > 20_000 || !json.Valid([]byte(got)) {
			t.Errorf("%s:\n%s, want\n%s", schema, got, want)
		}
	}
	own := &hookyard.EventType{Example: json.RawMessage(`{"id":7}`)}
	if got := string(Example(own)); got != `{"id":7}` {
		t.Errorf("the type's own example: %s", got)
	}
}

// TestChecker holds that types are looked up once for each revision, by many callers at the same time.
func TestChecker(t *testing.T) {
	t.Parallel()
	c := NewChecker()
	check := func(revision int64, schema, data string) error {
		in := &hookyard.Catalogue{Owner: "acme", Revision: revision}
		one, err := c.Of(in, "order", func() (*hookyard.EventType, error) {
			return &hookyard.EventType{Schemas: map[string]json.RawMessage{"1": json.RawMessage(schema)}}, nil
		})
		if err != nil {
			return err
		}
		return one.Check(t.Context(), []byte(data), new(MaxSteps))
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if check(1, `{"type":"string"}`, `"a"`) != nil || check(1, `{}`, `7`) == nil {
					t.Error("the first schema is not the one that counts")
				}
			}
		})
	}
	all.Wait()
	if err := check(2, `{"type":"integer"}`, `7`); err != nil {
		t.Errorf("after a change: %v", err)
	}
	if err := check(1, `{"type":"string"}`, `"a"`); err == nil {
		t.Error("an older snapshot brought the old schema back")
	}
	for i := range 100_000 {
		_, err := c.Of(&hookyard.Catalogue{Owner: "acme", Revision: 2}, "type"+itoa(i),
			func() (*hookyard.EventType, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(c.owners["acme"].types)*typeCost > maxKept {
		t.Errorf("%d types are kept", len(c.owners["acme"].types))
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	e := &hookyard.EventType{Schemas: map[string]json.RawMessage{"1": json.RawMessage(`{"allOf":[{"required":["id"]}],
		"properties":{"id":{"type":"string","format":"uuid","description":"of the order"},"state":{"enum":["a",1]},
		"lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":["string","null"]},
		"more":{"$ref":"#"}}}},"any":true}}`)}}
	got := Properties(e)
	want := []Property{{Path: "id", Type: "string, uuid", Required: true, Description: "of the order"},
		{Path: "lines", Type: "array of object"}, {Path: "lines[].more", Type: "object"}}
	if len(got) < 10 || len(got) > maxProperties || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%d: %+v", len(got), got[:min(len(got), 5)])
	}
	if last := got[len(got)-1]; last != (Property{Path: "state", Type: `one of "a" 1`}) {
		t.Errorf("last: %+v", last)
	}
}

// TestSlowRead: a type that was read before it changed does not become that of after the change.
func TestSlowRead(t *testing.T) {
	t.Parallel()
	c := NewChecker()
	of := func(revision int64, schema string, meanwhile func()) *TypeCheck {
		in := &hookyard.Catalogue{Owner: "acme", Revision: revision}
		one, err := c.Of(in, "order", func() (*hookyard.EventType, error) {
			meanwhile()
			return &hookyard.EventType{Schemas: map[string]json.RawMessage{"1": json.RawMessage(schema)}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	of(5, `{"type":"string"}`, func() { of(6, `{"type":"integer"}`, func() {}) })
	now := of(6, `{}`, func() {})
	if err := now.Check(t.Context(), []byte("7"), new(MaxSteps)); err != nil {
		t.Errorf("the schema of before counts: %v", err)
	}
}
