package web

import (
	"encoding/json"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// limitRow is a limit of a project on the page of its settings.
type limitRow struct {
	Name    hookyard.LimitName
	What    string // in words
	Own     string // as it is typed: what is set for the project; "": the default holds
	Holds   string // what holds, in words
	Use     int64
	HasUse  bool
	IsBytes bool
}

// limitWords says what each limit is of.
var limitWords = map[hookyard.LimitName]string{
	hookyard.LimitEvents:    "events a second, on each node",
	hookyard.LimitBurst:     "events at once",
	hookyard.LimitDay:       "bytes of events a day, UTC",
	hookyard.LimitKept:      "bytes kept",
	hookyard.LimitHooks:     "hooks",
	hookyard.LimitPending:   "pending deliveries",
	hookyard.LimitListeners: "listeners, on each node",
}

func (v *visit) fillLimits(p *settingsPage) error {
	of, err := v.project.Limits(v.ctx())
	if err != nil {
		return err
	}
	for _, name := range hookyard.LimitNames {
		row := limitRow{Name: name, What: limitWords[name], Holds: "no limit", IsBytes: name.IsBytes(),
			HasUse: name != hookyard.LimitBurst, Use: of.Use.Of(name)}
		if value := of.Quota[name]; value > 0 {
			row.Holds = name.Format(value)
		}
		if own, ok := of.Own[name]; ok {
			row.Own = name.Format(own)
		}
		if typed, ok := v.form[string(name)]; ok {
			row.Own = strings.TrimSpace(typed[0])
		}
		p.Limits = append(p.Limits, row)
	}
	return nil
}

// setLimits changes the limits of a project. An empty field means the server's default.
func setLimits(v *visit) error {
	patch := control.Object{}
	for _, name := range hookyard.LimitNames {
		text := v.get(string(name))
		if text == "" {
			patch[string(name)] = json.RawMessage("null")
			continue
		}
		_, value, err := hookyard.ParseLimit(string(name) + "=" + text)
		if err != nil {
			return v.settings(&settingsPage{Form: settingsOf(v.project.Snapshot.Project)},
				hookyard.FieldErrorf(string(name), "%s", err.Error()))
		}
		if patch[string(name)], err = json.Marshal(value); err != nil {
			return err
		}
	}
	if _, err := v.project.SetLimits(v.ctx(), patch); err != nil {
		return v.settings(&settingsPage{Form: settingsOf(v.project.Snapshot.Project)}, err)
	}
	return v.redirect(v.home("settings"), "saved")
}
