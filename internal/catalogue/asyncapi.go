package catalogue

import (
	"maps"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// readAsyncAPI reads the messages of an AsyncAPI document: those of the operations that send, or those of all channels
// if none does, or the ones among the components.
func (d *document) readAsyncAPI() error {
	if !strings.HasPrefix(d.version, "3.") {
		return hookyard.Errorf(hookyard.Invalid,
			"AsyncAPI %s is not read: version 3 is; the AsyncAPI converter makes one of it", shown(d.version))
	}
	messages, err := d.sent()
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		for _, channel := range sorted(d.root["channels"]) {
			in, err := d.object(channel.value)
			if err != nil {
				return err
			}
			messages = append(messages, sorted(in["messages"])...)
		}
	}
	if components, _ := d.root["components"].(map[string]any); len(messages) == 0 {
		messages = sorted(components["messages"])
	}
	if len(messages) == 0 {
		return hookyard.Errorf(hookyard.Invalid, "the document has no messages")
	}
	for _, m := range messages {
		if err := d.addMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// member is a member of an object.
type member struct {
	name  string
	value any
}

// sorted returns the members of an object, by name.
func sorted(object any) (out []member) {
	in, _ := object.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		out = append(out, member{name, in[name]})
	}
	return out
}

// sent returns the messages of the operations that send. The name of one that is referred to is the last part of the
// reference.
func (d *document) sent() (out []member, err error) {
	seen := map[string]bool{}
	for _, o := range sorted(d.root["operations"]) {
		op, err := d.object(o.value)
		if err != nil {
			return nil, err
		}
		if op["action"] != "send" {
			continue
		}
		list, _ := op["messages"].([]any)
		var messages []member
		for _, m := range list {
			in, _ := m.(map[string]any)
			ref, _ := in["$ref"].(string)
			messages = append(messages, member{ref[strings.LastIndexByte(ref, '/')+1:], m})
		}
		if list == nil { // all of the channel
			channel, err := d.object(op["channel"])
			if err != nil {
				return nil, err
			}
			messages = sorted(channel["messages"])
		}
		for _, m := range messages {
			if !seen[m.name] {
				seen[m.name] = true
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// addMessage adds the event type of a message.
func (d *document) addMessage(m member) error {
	message, err := d.object(m.value)
	if err != nil {
		return inType(m.name, err)
	}
	t := &hookyard.EventType{Name: m.name, Description: described(message)}
	if name, ok := message["name"].(string); ok && name != "" {
		t.Name = name
	}
	if d.found[t.Name] != nil {
		return nil // a message may be in several channels
	}
	t.Deprecated, _ = message["x-deprecated"].(bool)
	fromExtensions(t, message)
	if tags, _ := message["tags"].([]any); t.Group == "" && len(tags) > 0 {
		tag, err := d.object(tags[0])
		if err != nil {
			return inType(t.Name, err)
		}
		t.Group, _ = tag["name"].(string)
	}
	payload := schemaAt{message["payload"], ""}
	if formatted, _ := payload.schema.(map[string]any); formatted["schemaFormat"] != nil {
		format, _ := formatted["schemaFormat"].(string)
		if payload.schema = formatted["schema"]; !isJSONSchema(format) {
			payload.schema = nil
		}
	}
	var example any
	if list, _ := message["examples"].([]any); len(list) > 0 {
		first, err := d.object(list[0])
		if err != nil {
			return inType(t.Name, err)
		}
		example = first["payload"]
	}
	return d.add(t, payload, example)
}

// isJSONSchema reports whether a schemaFormat is JSON Schema or near to it.
func isJSONSchema(format string) bool {
	for _, known := range []string{"application/schema+json", "application/schema+yaml", "application/vnd.aai.asyncapi",
		"application/vnd.oai.openapi"} {
		if strings.HasPrefix(format, known) {
			return true
		}
	}
	return false
}
