package web

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/signature"
)

// hookForm is the form of a hook, as it was filled in. Its fields payloadUrl, secret, webhookType and gitPush are
// Yobi's, so that programs written for Yobi's form still work.
type hookForm struct {
	New         bool
	ID          string
	URL         string
	Secret      string
	SecretFrom  string // made, typed, none, or kept: as it is
	HasSecret   bool
	Type        string // a format, or one of Yobi's types
	GitPush     bool
	Yobi        bool // the form shows what only Yobi's projects need
	NetBeans    bool // the form shows what only NetBeans' projects need
	All         bool
	Names       string
	Ticked      map[string]bool
	Channels    string
	Features    string
	Description string
	Active      bool
	ContentType string
	Template    string
	DataAsBody  bool
	Forward     string // "" (the default), "all", "none", or "kept": as it is
	Method      string
	Signature   string
	Headers     string
	Schedule    string
	Timeout     string
	InFlight    string
	Rate        string
	Ordered     bool
	Filter      string
	Policy      string
	After       string
	InsecureTLS bool
	edition

	Default string   // the project's format
	Types   []string // event types with a check box
	Known   []string // features with a check box
	Formats []string
	Methods []string

	Signatures []string
	Preview    *preview
}

// Open reports whether the rarer settings are unfolded: whether one of them differs from its default.
func (f *hookForm) Open() bool {
	rare := []string{f.Features, f.ContentType, f.Template, f.Forward, f.Method, f.Signature,
		f.Headers, f.Schedule, f.Timeout, f.InFlight, f.Rate,
		f.Filter, f.Policy, f.After}
	return f.Ordered || f.InsecureTLS || strings.Join(rare, "") != ""
}

// readHookForm reads the form. Yobi's has no field that selects events, and selects all.
func (v *visit) readHookForm() *hookForm {
	f := &hookForm{
		ID:          v.get("id"),
		URL:         v.get("payloadUrl"),
		Secret:      v.form.Get("secret"),
		SecretFrom:  v.get("secretFrom"),
		Type:        v.get("webhookType"),
		GitPush:     v.has("gitPush"),
		All:         v.get("which") != "some",
		Names:       v.get("names"),
		Channels:    v.get("channels"),
		Ticked:      map[string]bool{},
		Features:    v.get("features"),
		Description: v.get("description"),
		Active:      v.has("active") || !v.has("ours"),
		ContentType: v.get("contentType"),
		Template:    v.form.Get("template"),
		DataAsBody:  v.get("dataAsBody") != "",
		Forward:     v.get("forward"),
		Method:      v.get("method"),
		Signature:   v.get("signature"),
		Headers:     v.get("headers"),
		Schedule:    v.get("schedule"),
		Timeout:     v.get("timeout"),
		InFlight:    v.get("inFlight"),
		Rate:        v.get("rate"),
		Ordered:     v.has("ordered"),
		Filter:      v.get("filter"),
		Policy:      v.get("policy"),
		After:       v.get("after"),
		InsecureTLS: v.has("insecureTls"),
		edition:     v.readEdition(),
	}
	for _, t := range v.form["event"] {
		f.Ticked[t] = true
	}
	f.Features = strings.Join(append(words(f.Features), v.form["feature"]...), " ")
	if f.Secret != "" && f.SecretFrom != "none" {
		f.SecretFrom = "typed"
	}
	return f
}

// SecretChoices returns the values of the field secretFrom and their labels.
func (f *hookForm) SecretChoices() [][2]string {
	made, typed := [2]string{"made", "create a secret and show it once"}, [2]string{"typed", "use this secret:"}
	none := [2]string{"none", "do not sign deliveries"}
	switch {
	case f.New:
		return [][2]string{made, typed, none}
	case f.HasSecret:
		return [][2]string{{"kept", "keep the secret"}, typed, {"none", "remove the secret: do not sign deliveries"}}
	}
	return [][2]string{none, made, typed}
}

// defaultSecret selects the choice that the form is first shown with.
func (f *hookForm) defaultSecret() {
	if f.SecretFrom == "" {
		f.SecretFrom = f.SecretChoices()[0][0]
	}
}

// secret returns the secret to set, which may be empty, and reports whether there is one. Yobi's form has no choice.
func (f *hookForm) secret() (secret string, given bool, err error) {
	switch f.SecretFrom {
	case "made":
		return signature.NewSecret(), true, nil
	case "typed":
		if f.Secret == "" {
			return "", false, hookyard.FieldErrorf("secret", "Enter the secret, or let hookyard create one.")
		}
		return f.Secret, true, nil
	case "none":
		if f.Secret != "" {
			return "", false, hookyard.FieldErrorf("secret",
				"There is a secret here, but deliveries are not to be signed. Choose one of both.")
		}
		return "", true, nil
	}
	return "", false, nil
}

// noDescription is the description of a hook that was given none, as at WebGME. Pages show it as none.
const noDescription = "No description given"

// formOf returns the form filled in with a hook.
func formOf(h *hookyard.Hook) *hookForm {
	f := &hookForm{
		ID:          h.ID,
		URL:         hookyard.MaskURL(h.URL),
		HasSecret:   len(h.Secrets) > 0,
		Type:        h.Format,
		All:         h.Events.All,
		Names:       strings.Join(h.Events.Names, " "),
		Channels:    strings.Join(h.Channels, " "),
		Ticked:      map[string]bool{},
		Features:    strings.Join(h.Features, " "),
		Description: h.Description,
		Active:      h.Active,
		ContentType: h.ContentType,
		Template:    h.Template,
		DataAsBody:  h.DataAsBody,
		Forward:     forwardChoice(h.Forward),
		Method:      h.Method,
		Signature:   h.Signature,
		Ordered:     h.Ordered,
		Filter:      h.Filter,
		Policy:      h.Off.Policy,
		InsecureTLS: h.InsecureTLS,
		edition:     editionOf(h.Revision),
	}
	if f.Description == noDescription {
		f.Description = ""
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		value := h.Headers[name]
		if !hookyard.IsShown(name) {
			value = hookyard.Masked
		}
		f.Headers += name + ": " + value + "\n"
	}
	for i, w := range h.Schedule {
		if i > 0 {
			f.Schedule += ", "
		}
		f.Schedule += hookyard.FormatDuration(w)
	}
	if h.Timeout > 0 {
		f.Timeout = hookyard.FormatDuration(h.Timeout)
	}
	if h.InFlight > 0 {
		f.InFlight = strconv.Itoa(h.InFlight)
	}
	if h.Rate > 0 {
		f.Rate = strconv.FormatFloat(h.Rate, 'f', -1, 64)
	}
	if h.Off.After > 0 {
		f.After = strconv.Itoa(h.Off.After)
	}
	return f
}

// fillChoices fills the lists of the form. Its event types are those of the project, or else of the owner's catalogue
// and of the newest events.
func (v *visit) fillChoices(f *hookForm) error {
	f.Formats, f.Methods = format.Names(), hookyard.Methods()
	f.Signatures = hookyard.Signatures()
	f.Types = v.project.Snapshot.Project.Catalogue()
	if len(f.Types) == 0 {
		described, err := v.project.EventTypes(v.ctx(), hookyard.EventTypeQuery{})
		if err != nil {
			return err
		}
		for _, t := range described {
			f.Types = append(f.Types, t.Name)
		}
		found, err := v.web.o.Store.RecentTypes(v.ctx(), v.key(), 500)
		if err != nil {
			return err
		}
		f.Types = append(f.Types, found...)
	}
	f.defaultSecret()
	f.Default = v.project.Snapshot.Project.EffectiveFormat(&hookyard.Hook{})
	preset := v.project.Snapshot.Project.Preset
	f.Yobi = preset == "yobi"
	f.NetBeans = preset == "netbeans" || f.Features != "" || f.Policy == hookyard.OffNetBeans
	f.Types = slices.Compact(slices.Sorted(slices.Values(f.Types)))
	if len(f.Types) > 60 {
		f.Types = f.Types[:60]
	}
	if err := v.knownFeatures(f); err != nil {
		return err
	}
	var rest []string
	for _, name := range words(f.Names) {
		if slices.Contains(f.Types, name) {
			f.Ticked[name] = true
		} else {
			rest = append(rest, name)
		}
	}
	f.Names = strings.Join(rest, " ")
	return nil
}

// knownFeatures fills the features with a check box: the hook's own and, in a project with NetBeans' preset, those of
// the newest events.
func (v *visit) knownFeatures(f *hookForm) error {
	f.Known = words(f.Features)
	if v.project.Snapshot.Project.Preset == "netbeans" {
		events, err := v.recentEvents()
		if err != nil {
			return err
		}
		for _, e := range events {
			if name := gjson.GetBytes(e.Payload(), "feature"); name.Type == gjson.String && len(words(name.Str)) == 1 {
				f.Known = append(f.Known, name.Str)
			}
		}
	}
	slices.Sort(f.Known)
	f.Known = slices.Compact(f.Known)
	return nil
}

// Tracks reports whether a feature is ticked.
func (f *hookForm) Tracks(feature string) bool { return slices.Contains(words(f.Features), feature) }

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,\n\r\t", r) })
}

// selector returns which events the form selects.
func (f *hookForm) selector(p *hookyard.Project) hookyard.Selector {
	if _, yobi := yobiTypes()[f.Type]; yobi {
		return yobiSelector(f, p)
	}
	if f.All {
		return hookyard.SelectAll()
	}
	names := words(f.Names)
	for _, t := range slices.Sorted(maps.Keys(f.Ticked)) {
		if !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	return hookyard.Selector{Names: names}
}

// hookPatch returns what the form sets. before is the hook that is changed, or nil for a new one.
// The error joins those of several fields.
func (v *visit) hookPatch(f *hookForm, before *hookyard.Hook) (control.HookPatch, error) {
	faults := []error{f.check(v.web.o.Limits)}
	in := control.HookPatch{
		URL:         control.Value(f.URL),
		Events:      control.Value(f.selector(v.project.Snapshot.Project)),
		Description: control.Value(cmp.Or(f.Description, noDescription)),
		Active:      control.Value(f.Active),
		Format:      control.Value(f.format()),
		ContentType: control.Value(f.ContentType),
		Template:    control.Value(f.Template),
		DataAsBody:  control.Value(f.DataAsBody),
		Method:      control.Value(f.Method),
		Signature:   control.Value(f.Signature),
		Features:    control.Value(words(f.Features)),
		Ordered:     control.Value(f.Ordered),
		Filter:      control.Value(f.Filter),
		InsecureTLS: control.Value(f.InsecureTLS),
	}
	if v.form.Has("channels") {
		in.Channels = control.Value(words(f.Channels))
	}
	if f.Forward != "kept" {
		in.Forward = control.Value(forwardOf(f.Forward))
	}
	secret, given, err := f.secret()
	if faults = append(faults, err); given {
		in.Secret = control.Value(secret)
	}
	if f.Policy != "" || before != nil {
		after, err := number("off.after", f.After)
		faults = append(faults, err)
		in.Off = control.Value(hookyard.OffPolicy{Policy: f.Policy, After: int(after)})
	}
	headers, err := f.headers(before)
	faults = append(faults, err)
	in.Headers = control.Value(headers)
	in.Revision, err = f.revision()
	faults = append(faults, err, f.sending(&in))
	if v.portal != nil {
		in = onlyPortal(in)
	}
	if err := errors.Join(faults...); err != nil {
		return in, errors.Join(err, v.draftFaults(in))
	}
	return in, nil
}

// draftFaults returns what is wrong with the fields of a form that could be read, where others could not.
func (v *visit) draftFaults(in control.HookPatch) error {
	in.Headers, in.Revision = control.Optional[control.HeaderPatch]{}, 0 // hidden values need the hook that there is
	h, err := control.NewHook("draft", in)
	if err != nil {
		return err
	}
	return v.project.CheckHook(v.ctx(), h)
}

// forwardOf returns what a choice of the form passes on.
func forwardOf(choice string) hookyard.Forward {
	if choice == "" {
		return hookyard.Forward{}
	}
	part := new(choice == "all")
	return hookyard.Forward{Headers: part, Path: part, Query: part, Method: part}
}

// forwardChoice is the inverse of forwardOf. It returns "kept" for what the form cannot choose.
func forwardChoice(f hookyard.Forward) string {
	for _, choice := range []string{"", "all", "none"} {
		if reflect.DeepEqual(f, forwardOf(choice)) {
			return choice
		}
	}
	return "kept"
}

// sending sets what the form says of the pace of deliveries. An empty field is the default.
func (f *hookForm) sending(in *control.HookPatch) error {
	inFlight, inFlightErr := number("inFlight", f.InFlight)
	in.InFlight = control.Value(int(inFlight))
	rate, rateErr := number("rate", f.Rate)
	in.Rate = control.Value(rate)
	faults := []error{inFlightErr, rateErr}
	in.Timeout = control.Null[hookyard.Duration]()
	if f.Timeout != "" {
		d, err := hookyard.ParseDuration(f.Timeout)
		if err != nil {
			faults = append(faults, hookyard.FieldErrorf("timeout", "%q is not a duration; write for example 15s.",
				hookyard.Clean(f.Timeout, 50)))
		}
		in.Timeout = control.Value(hookyard.Duration(d))
	}
	var schedule []hookyard.Duration
	for _, w := range words(f.Schedule) {
		d, err := hookyard.ParseDuration(w)
		if err != nil {
			faults = append(faults, hookyard.FieldErrorf("schedule",
				"%q is not a duration; write for example 0s, 5s, 5m, 1h.", hookyard.Clean(w, 50)))
			break
		}
		schedule = append(schedule, hookyard.Duration(d))
	}
	in.Schedule = control.Value(schedule)
	return errors.Join(faults...)
}

// number reads a field that may be empty, which is 0.
func number(field, text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n || n < 0 || n > 1e9 {
		return 0, hookyard.FieldErrorf(field, "%q is not a number that is allowed here.", hookyard.Clean(text, 50))
	}
	return n, nil
}

// headers reads one "Name: value" a line. A header of the hook that the form does not name any more is deleted.
func (f *hookForm) headers(before *hookyard.Hook) (control.HeaderPatch, error) {
	out := control.HeaderPatch{}
	for line := range strings.Lines(f.Headers) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, hookyard.FieldErrorf("headers", "%q is not a header; write Name: value, one a line.",
				hookyard.Clean(line, 50))
		}
		value = strings.TrimSpace(value)
		out[http.CanonicalHeaderKey(strings.TrimSpace(name))] = &value
	}
	if before != nil {
		for name := range before.Headers {
			if out[name] == nil {
				out[name] = nil
			}
		}
	}
	return out, nil
}

// hookID returns an id for a hook that was given none. It is made from the host in the hook's URL and is unused in the
// project.
func (v *visit) hookID(raw string) string {
	base := "hook"
	if u, err := url.Parse(raw); err == nil && u.Hostname() != "" {
		base = strings.Trim(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, strings.ToLower(u.Hostname())), "-")
	}
	if len(base) > 40 {
		base = base[:40]
	}
	for n := 1; ; n++ {
		id := base
		if n > 1 {
			id = fmt.Sprintf("%s-%d", base, n)
		}
		if v.project.Snapshot.Hook(id) == nil {
			return id
		}
	}
}
