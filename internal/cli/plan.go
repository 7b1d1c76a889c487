package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// change is one step of a plan.
type change struct {
	Action  string        `json:"action"` // create, change, delete, or add for a default hook
	Kind    string        `json:"kind"`   // project, member, hook, source or default hook
	Project string        `json:"project"`
	Name    string        `json:"name,omitempty"` // below the project
	Fields  []fieldChange `json:"fields,omitempty"`

	do func(ctx context.Context) error
}

// fieldChange is a setting that changes. Secrets are shown as ***.
type fieldChange struct {
	Name string `json:"name"`
	Old  any    `json:"old,omitempty"`
	New  any    `json:"new,omitempty"`
}

func (c *change) String() string {
	if c.Name == "" {
		return c.Action + " " + c.Kind + " " + c.Project
	}
	return fmt.Sprintf("%s %s %s of %s", c.Action, c.Kind, c.Name, c.Project)
}

// planner compares what files say with what a server has.
type planner struct {
	*session
	client     *client.Client
	prune      bool
	setSecrets bool // send secrets that the server has: it does not show them, so they cannot be compared
	plan       []change
}

// project plans what makes a project as the file says.
func (p *planner) project(ctx context.Context, path string, spec *projectSpec) error {
	now, err := p.client.Project(ctx, path)
	exists := err == nil
	if err != nil && !errors.Is(err, hookyard.ErrNotFound) {
		return err
	}
	preset, _ := spec.settings["preset"].(string)
	var shown settings
	if exists {
		shown = asSettings(now)
		if _, given := spec.settings["preset"]; !given {
			preset = now.Preset
		}
	}
	own := compared{change: change{Kind: "project", Project: path}, want: spec.settings, now: shown,
		defaults: projectDefaults(preset)}
	err = addObject(p, own, func(ctx context.Context, in client.ProjectPatch) error {
		if !exists {
			_, _, err := p.client.IfAbsent().PutProject(ctx, path, in)
			return err
		}
		_, err := p.client.At(now.Revision).PatchProject(ctx, path, in)
		return err
	})
	if err != nil {
		return err
	}
	if !exists {
		now = client.Project{Preset: preset, Format: projectDefaults(preset)["format"].(string)}
	}
	if format, ok := spec.settings["format"].(string); ok && format != "" {
		now.Format = format
	}
	return errors.Join(p.members(ctx, path, spec, exists), p.hooks(ctx, path, spec, &now, exists),
		p.sources(ctx, path, spec, exists))
}

func (p *planner) members(ctx context.Context, path string, spec *projectSpec, exists bool) error {
	if spec.members == nil {
		return nil
	}
	roles := map[string]string{}
	if exists {
		found, err := p.client.Members(ctx, path)
		if err != nil {
			return err
		}
		for _, m := range found {
			roles[m.User] = string(m.Role)
		}
	}
	for _, user := range slices.Sorted(maps.Keys(spec.members)) {
		role, old := spec.members[user], roles[user]
		if role == old {
			continue
		}
		c := change{Action: "create", Kind: "member", Project: path, Name: user,
			Fields: []fieldChange{{Name: "role", New: role}}}
		if old != "" {
			c.Action, c.Fields[0].Old = "change", old
		}
		c.do = func(ctx context.Context) error {
			return p.client.SetMember(ctx, path, user, hookyard.Role(role))
		}
		p.plan = append(p.plan, c)
	}
	for _, user := range slices.Sorted(maps.Keys(roles)) {
		if _, keep := spec.members[user]; !keep && p.prune {
			p.plan = append(p.plan, change{Action: "delete", Kind: "member", Project: path, Name: user,
				do: func(ctx context.Context) error { return p.client.RemoveMember(ctx, path, user) }})
		}
	}
	return nil
}

func (p *planner) hooks(ctx context.Context, path string, spec *projectSpec, project *client.Project,
	exists bool) error {
	var found, defaults map[string]client.Hook
	var err error
	if exists && (spec.hooks != nil || spec.defaultHooks) {
		if found, err = ownHooks(ctx, p.client, path); err != nil {
			return err
		}
	}
	if exists && spec.defaultHooks {
		if defaults, err = p.client.DefaultHooks(ctx, path); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(defaults)) {
		if _, has := found[id]; has {
			continue
		}
		if _, own := spec.hooks[id]; own {
			continue
		}
		p.plan = append(p.plan, change{Action: "add", Kind: "default hook", Project: path, Name: id,
			do: func(ctx context.Context) error {
				_, err := p.client.AddDefaultHooks(ctx, path)
				return err
			}})
	}
	for _, id := range slices.Sorted(maps.Keys(spec.hooks)) {
		if err := p.hook(path, id, spec.hooks[id], project, found); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		_, keep := spec.hooks[id]
		if _, isDefault := defaults[id]; keep || isDefault || !p.prune || spec.hooks == nil {
			continue
		}
		p.plan = append(p.plan, change{Action: "delete", Kind: "hook", Project: path, Name: id,
			do: func(ctx context.Context) error {
				_, err := p.client.At(found[id].Revision).DeleteHook(ctx, path, id)
				return err
			}})
	}
	return nil
}

// hook plans a hook. found has those of the project, or is nil if the project does not exist.
func (p *planner) hook(path, id string, want settings, project *client.Project, found map[string]client.Hook) error {
	now, has := found[id]
	format, given := want["format"].(string)
	own := compared{change: change{Kind: "hook", Project: path, Name: id}, want: want}
	if has {
		own.now = asSettings(now)
		if !given {
			format = now.Format
		}
	}
	own.defaults = hookDefaults(project, format)
	return addObject(p, own, func(ctx context.Context, in client.HookPatch) error {
		var err error
		switch {
		case has:
			_, err = p.client.At(now.Revision).PatchHook(ctx, path, id, in)
		case found != nil:
			_, err = p.client.CreateHook(ctx, path, id, in)
		default: // the new project may have got it as a default hook
			_, err = p.client.PutHook(ctx, path, id, in)
		}
		return err
	})
}

func (p *planner) sources(ctx context.Context, path string, spec *projectSpec, exists bool) error {
	if spec.sources == nil {
		return nil
	}
	found := map[string]client.Source{}
	if exists {
		list, err := p.client.Sources(ctx, path)
		if err != nil {
			return err
		}
		for _, s := range list {
			found[s.Name] = s
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.sources)) {
		now, has := found[name]
		own := compared{change: change{Kind: "source", Project: path, Name: name}, want: spec.sources[name],
			defaults: sourceDefaults()}
		if has {
			own.now = asSettings(now)
			if len(now.Secrets) > 0 {
				own.now["secret"] = now.Secrets[0]
			}
		}
		err := addObject(p, own, func(ctx context.Context, in client.SourcePatch) error {
			if !has {
				_, _, err := p.client.IfAbsent().PutSource(ctx, path, name, in)
				return err
			}
			_, err := p.client.At(now.Revision).PatchSource(ctx, path, name, in)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, keep := spec.sources[name]; !keep && p.prune {
			p.plan = append(p.plan, change{Action: "delete", Kind: "source", Project: path, Name: name,
				do: func(ctx context.Context) error {
					return p.client.At(found[name].Revision).DeleteSource(ctx, path, name)
				}})
		}
	}
	return nil
}

// compared is what a file says about one thing, and what the server shows of it.
type compared struct {
	change
	want     settings
	now      settings // nil if it does not exist
	defaults settings
}

// addObject plans what makes a thing as it is wanted, by the patch of what differs.
func addObject[Patch any](p *planner, c compared, send func(ctx context.Context, in Patch) error) error {
	patch, err := p.differences(&c, p.setSecrets)
	if _, moves := patch["url"]; err == nil && moves && c.now != nil && c.Kind == "hook" {
		c.Fields = nil
		patch, err = p.differences(&c, true) // a secret does not follow a hook to another host by itself
	}
	var in Patch
	if err == nil {
		err = remarshal(patch, &in)
	}
	if err != nil {
		what := c.Kind + " " + c.Project
		if c.Name != "" {
			what = c.Kind + " " + c.Name + " of " + c.Project
		}
		return usagef("%s: %v", what, err)
	}
	c.Action = "change"
	if c.now == nil {
		c.Action = "create"
	} else if len(patch) == 0 {
		return nil
	}
	c.do = func(ctx context.Context) error { return send(ctx, in) }
	p.plan = append(p.plan, c.change)
	return nil
}

// differences returns the settings that are not as wanted, and adds them to the fields of the change.
func (p *planner) differences(c *compared, setSecrets bool) (settings, error) {
	patch := settings{}
	for _, name := range slices.Sorted(maps.Keys(c.want)) {
		now := c.now[name]
		value := c.want[name]
		if isSecretSetting(name) && !isZero(now) && !setSecrets {
			continue
		}
		if name == "headers" && !setSecrets {
			value = withHidden(value, now)
		}
		resolved, err := resolver{p.session, setSecrets}.resolve(value, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		expected, err := c.expected(name, resolved)
		if err != nil {
			return nil, errors.New(settingError(name, err))
		}
		if c.now != nil && equal(expected, now) && !(setSecrets && isSecretSetting(name) && !isZero(now)) {
			continue
		}
		if headers, ok := resolved.(map[string]any); ok && name == "headers" {
			old, _ := now.(map[string]any)
			for header := range old {
				if _, keep := headers[header]; !keep {
					headers[header] = nil
				}
			}
		}
		patch[name] = resolved
		show := func(v any) any { return hidden(c.want[name], c.concealed(name, shown(name, v))) }
		c.Fields = append(c.Fields, fieldChange{Name: name, Old: show(now), New: show(expected)})
	}
	return patch, nil
}

// expected returns how the API shows a setting after it was set to a value.
func (c *compared) expected(name string, value any) (any, error) {
	if isZero(value) && value != false && c.defaults[name] != nil {
		return c.defaults[name], nil
	}
	one := settings{name: value}
	var err error
	switch c.Kind {
	case "hook":
		one, err = normal[client.HookPatch](one)
	case "source":
		one, err = normal[client.SourcePatch](one)
	default:
		one, err = normal[client.ProjectPatch](one)
	}
	if err != nil {
		return nil, err
	}
	out := one[name]
	if text, ok := out.(string); ok && name == "expiresAt" {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), nil
		}
	}
	if fields, ok := out.(map[string]any); ok && (name == "forward" || name == "off") {
		defaults, _ := c.defaults[name].(map[string]any)
		merged := map[string]any{}
		if name == "forward" {
			maps.Copy(merged, defaults)
		}
		maps.Copy(merged, fields)
		return merged, nil
	}
	return maskURLs(name, out), nil
}

// normal returns settings as the types of the API write them.
func normal[Patch any](in settings) (settings, error) {
	var patch Patch
	if err := remarshal(in, &patch); err != nil {
		return nil, err
	}
	return asSettings(patch), nil
}

// isSecretSetting reports whether the API never shows the value of a setting.
func isSecretSetting(name string) bool {
	return name == "secret" || name == "secrets" || name == "relaySecret"
}

// withHidden returns headers with *** for those whose values the server has and does not show.
func withHidden(want, now any) any {
	headers, _ := want.(map[string]any)
	out, old := maps.Clone(headers), map[string]any{}
	if m, ok := now.(map[string]any); ok {
		old = m
	}
	for name := range out {
		if old[name] == hookyard.Masked {
			out[name] = hookyard.Masked
		}
	}
	return out
}

// maskURLs masks what is a URL, as the API does.
func maskURLs(name string, v any) any {
	switch v := v.(type) {
	case string:
		if name == "url" {
			return hookyard.MaskURL(v)
		}
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = maskURLs(key, value)
		}
		return out
	}
	return v
}

// concealed returns a value without the credentials that export does not write either.
func (c *compared) concealed(name string, v any) any {
	switch v := v.(type) {
	case string:
		format := c.want["format"]
		if format == nil {
			format = c.now["format"]
		}
		chat, _ := format.(string)
		switch {
		case v != "" && (name == "verifyToken" || name == "url" && slices.Contains(chatFormats, chat)):
			return hookyard.Masked
		case name == "url":
			return hookyard.MaskCredentials(v)
		}
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = c.concealed(key, value)
		}
		return out
	}
	return v
}

// shown returns a value as it may be printed.
func shown(name string, v any) any {
	switch {
	case v == false: // says more than nothing: active: true → false
		return v
	case isZero(v):
		return nil
	case isSecretSetting(name):
		return hookyard.Masked
	case name == "headers":
		out := map[string]any{}
		for header, value := range v.(map[string]any) {
			if !hookyard.IsShown(header) {
				value = hookyard.Masked
			}
			out[header] = value
		}
		return out
	}
	return v
}

// isZero reports whether the API may leave a value out.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == "" || v == false || v == 0.0 || v == 0 || v == "0s"
}

// equal compares values from JSON, in which a member that is missing is zero.
func equal(a, b any) bool {
	if isZero(a) && isZero(b) {
		return true
	}
	x, isObject := a.(map[string]any)
	y, areBoth := b.(map[string]any)
	if !isObject || !areBoth {
		return reflect.DeepEqual(a, b)
	}
	for key := range x {
		if !equal(x[key], y[key]) {
			return false
		}
	}
	for key := range y {
		if !equal(x[key], y[key]) {
			return false
		}
	}
	return true
}

// text returns a value on one line.
func text(v any) string {
	if v == nil {
		return "nothing"
	}
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v) // it came from JSON
	return string(b)
}
