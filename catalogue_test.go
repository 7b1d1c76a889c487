package hookyard_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestVersionOfEventType(t *testing.T) {
	t.Parallel()
	for versions, want := range map[string]string{
		"": "", "1": "1", "1 2": "2", "9 10": "10", "draft 2": "2", "alpha beta": "beta", "1.0 2.0": "2.0",
	} {
		e := &hookyard.EventType{Schemas: map[string]json.RawMessage{}}
		for _, v := range strings.Fields(versions) {
			e.Schemas[v] = json.RawMessage(`{}`)
		}
		if got := e.Version(); got != want {
			t.Errorf("of %q: %q, want %q", versions, got, want)
		}
	}
}

func TestValidateEventType(t *testing.T) {
	t.Parallel()
	big := json.RawMessage(`"` + strings.Repeat("a", hookyard.MaxSchema) + `"`)
	deep := json.RawMessage(strings.Repeat("[", 101) + strings.Repeat("]", 101))
	of := func(doc json.RawMessage) map[string]json.RawMessage { return map[string]json.RawMessage{"1": doc} }
	for field, e := range map[string]hookyard.EventType{
		"":             {Name: "com.example/Order.created-v1", Group: "Orders", FeatureFlags: []string{"a", "b"}},
		"name":         {Name: strings.Repeat("a", 256)},
		"group":        {Name: "a", Group: " x"},
		"description":  {Name: "a", Description: "\x00"},
		"featureFlags": {Name: "a", FeatureFlags: []string{"a", "a"}},
		"schemas":      {Name: "a", Schemas: map[string]json.RawMessage{"a/b": nil}},
		"schema":       {Name: "a", Schemas: of(big)},
		"example":      {Name: "a", Example: deep},
	} {
		err := e.Validate(hookyard.DefaultLimits())
		var refused *hookyard.Error
		if field == "" && err != nil {
			t.Error(err)
		} else if field != "" && (!errors.As(err, &refused) || refused.Field != field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a b", "a\tb", "hookyard.x"} {
		if err := (&hookyard.EventType{Name: name}).Validate(hookyard.DefaultLimits()); hookyard.CodeOf(err) !=
			hookyard.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
