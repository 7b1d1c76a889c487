package web

import (
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/format"
)

// yobiTypes are the values of Yobi's webhookType and the formats they stand for.
func yobiTypes() map[string]string {
	return map[string]string{"SIMPLE": format.Yobi, "DETAIL_SLACK": format.Slack,
		"DETAIL_HANGOUT_CHAT": format.GoogleChat, "JSON": format.Yobi}
}

// format returns the format that the form chooses. Yobi's types are names of ours.
func (f *hookForm) format() string {
	if name, yobi := yobiTypes()[f.Type]; yobi {
		return name
	}
	return f.Type
}

// yobiSelector selects as Yobi does: type JSON gets pushes only. The others get all events, with pushes if their box is
// ticked.
func yobiSelector(f *hookForm, p *hookyard.Project) hookyard.Selector {
	switch {
	case f.Type == "JSON":
		return hookyard.Selector{Names: []string{"push"}}
	case f.GitPush:
		return hookyard.SelectAll()
	}
	catalogue := p.Catalogue()
	if len(catalogue) == 0 {
		catalogue = hookyard.Presets()["yobi"].EventTypes
	}
	return hookyard.Selector{Names: slices.DeleteFunc(slices.Clone(catalogue),
		func(t string) bool { return t == "push" })}
}

// check refuses what Yobi's form refuses, in its words.
func (f *hookForm) check(limits hookyard.Limits) error {
	switch {
	case f.URL == "":
		return hookyard.FieldErrorf("url", "Payload URL is a required field.")
	case utf8.RuneCountInString(f.URL) > limits.URL:
		return hookyard.FieldErrorf("url", "The given payload URL is too long. (Maximum %d Characters)", limits.URL)
	case utf8.RuneCountInString(f.Secret) > limits.Secret:
		return hookyard.FieldErrorf("secret", "The given secret token is too long. (Maximum %d Characters)",
			limits.Secret)
	}
	return nil
}

// deleteHook answers a DELETE, or a POST without fields, with status 200 and an empty body.
func deleteHook(v *visit) error {
	if err := v.project.DeleteHook(v.ctx(), v.r.PathValue("id"), 0); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusOK)
	return nil
}
