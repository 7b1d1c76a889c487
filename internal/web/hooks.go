package web

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// hookRow is a hook as the list shows it.
type hookRow struct {
	*hookyard.Hook
	Format string
	Good   int
	Ended  int
	Ratio  template.HTML
	Last   *answer // nil: it was never sent anything
}

// answer is what a hook's receiver said last.
type answer struct {
	At   time.Time
	OK   bool
	Text string
}

// lastAnswer is the newest of what the hook's newest deliveries were answered, and of what its health remembers.
func (v *visit) lastAnswer(h *hookyard.Hook) (*answer, error) {
	marks, err := v.web.o.Store.HookAttempts(v.ctx(), h.Key, 5)
	if err != nil {
		return nil, err
	}
	var last *answer
	for i := range marks {
		m := &marks[i]
		if last != nil && !m.StartedAt.After(last.At) {
			continue
		}
		last = &answer{At: m.StartedAt, OK: m.OK(), Text: string(m.Kind)}
		if m.Status != 0 {
			last.Text = num(m.Status) + " " + http.StatusText(m.Status)
		}
	}
	if seen := &h.Health; seen.LastAttempt.After(time.Time{}) && (last == nil || seen.LastAttempt.After(last.At)) &&
		h.Health.Failures > 0 {
		last = &answer{At: seen.LastAttempt, Text: seen.LastError}
		if seen.LastStatus != 0 {
			last.Text = num(seen.LastStatus) + " " + http.StatusText(seen.LastStatus)
		}
	}
	return last, nil
}

// hooksPage lists the hooks, those in trouble first, with the form that makes one.
type hooksPage struct {
	base
	Rows  []hookRow
	Form  *hookForm
	Q     string // only hooks whose id or URL holds this
	All   int    // hooks of the project
	Found int
	First string // address of the first page when this is not it
	More  string // address of the next page, or ""
}

func listHooks(v *visit) error {
	f := &hookForm{New: true, All: true, Active: true, Ticked: map[string]bool{}, URL: v.get("url")}
	return v.hooks(f, nil)
}

// hooksShown is how many hooks a page lists.
const hooksShown = 50

func (v *visit) hooks(f *hookForm, fault error) error {
	p := &hooksPage{Form: f}
	p.Tab = "webhooks"
	if err := v.choices(f); err != nil {
		return err
	}
	hooks, err := v.web.o.Store.Hooks(v.ctx(), v.key())
	if err != nil {
		return err
	}
	for _, h := range p.part(hooks, v.get("q"), v.get("after")) {
		row := hookRow{Hook: h, Format: v.view.Project.EffectiveFormat(h)}
		counts, err := v.web.o.Store.HookCounts(v.ctx(), h.Key, newestCounted)
		if err != nil {
			return err
		}
		row.Good, row.Ended = counts[hookyard.Delivered], counts[hookyard.Delivered]+counts[hookyard.Failed]
		row.Ratio = ratioBar(row.Good, row.Ended)
		if row.Last, err = v.lastAnswer(h); err != nil {
			return err
		}
		p.Rows = append(p.Rows, row)
	}
	if fault != nil {
		return v.again(fault, "Hooks", p)
	}
	return v.show(http.StatusOK, "Hooks", p)
}

// part is the page of the hooks that q finds, after the one named; the page learns how many there are, and what is
// next.
func (p *hooksPage) part(hooks []*hookyard.Hook, q, after string) []*hookyard.Hook {
	p.Q, p.All = q, len(hooks)
	keep := url.Values{}
	if low := strings.ToLower(q); low != "" {
		keep.Set("q", q)
		hooks = slices.DeleteFunc(hooks, func(h *hookyard.Hook) bool {
			return !strings.Contains(strings.ToLower(h.ID), low) &&
				!strings.Contains(strings.ToLower(hideURL(h.URL)), low)
		})
	}
	slices.SortStableFunc(hooks, func(a, b *hookyard.Hook) int { return cmp.Compare(rank(a), rank(b)) })
	p.Found = len(hooks)
	if at := slices.IndexFunc(hooks, func(h *hookyard.Hook) bool { return h.ID == after }); at >= 0 {
		p.First, hooks = "?"+keep.Encode(), hooks[at+1:]
	}
	if len(hooks) > hooksShown {
		hooks = hooks[:hooksShown]
		keep.Set("after", hooks[hooksShown-1].ID)
		p.More = "?" + keep.Encode()
	}
	return hooks
}

// rank puts hooks in trouble first and those that a person switched off last.
func rank(h *hookyard.Hook) int {
	switch {
	case troubled(h):
		return 0
	case h.Active:
		return 1
	}
	return 2
}

// makeHook makes a hook from the form, ours or Yobi's.
func makeHook(v *visit) error {
	f := v.readHookForm()
	f.New = true
	if v.get("do") == "preview" {
		if err := v.try(f); err != nil {
			return err
		}
		return v.hooks(f, nil)
	}
	settings, err := f.settings(v.view.Project, nil, v.web.o.Limits)
	if err != nil {
		return v.hooks(f, err)
	}
	id := cmp.Or(f.ID, v.hookID(f.URL))
	made := ""
	if v.get("secretFrom") == "made" && f.Secret == "" {
		made = signature.NewSecret()
		settings["secret"] = made
	}
	if err := v.do(http.MethodPut, settings, nil, "hooks", id); err != nil {
		if hookyard.CodeOf(err) == hookyard.Conflict {
			err = hookyard.FieldErrorf("id", "There is a hook of this id already.")
		}
		return v.hooks(f, err)
	}
	if made != "" {
		return v.reveal(v.home("webhooks", id), made, "created")
	}
	if !v.has("ours") {
		return v.see(v.home("webhooks"), "") // Yobi's own form: back to exactly where it was
	}
	return v.see(v.home("webhooks", id), "created")
}

// hookPage is how a hook does.
type hookPage struct {
	base
	Hook     *hookyard.Hook
	Format   string
	Off      string // why nothing is sent, or ""
	Counts   map[hookyard.State]int
	Good     int
	Ended    int
	Ratio    template.HTML
	Latency  chart
	Tries    chart
	P50, P95 string
	Owed     int
	OwedMore bool
	Next     time.Time
	Newest   []hookyard.Delivery
	Skipped  int // among the newest
	GivenUp  int
	Missed   int // both
	Secret   string
	About    string
	Schedule []string
}

func showHook(v *visit) error {
	return v.hook(v.r.PathValue("id"), &hookPage{Secret: v.once()}, nil)
}

// owedShown is how much of what a hook is owed is counted.
const owedShown = 10_000

func (v *visit) hook(id string, p *hookPage, fault error) error {
	h, err := v.web.o.Store.Hook(v.ctx(), v.key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "There is no such hook in this project.")
	}
	if err != nil {
		return err
	}
	p.Tab, p.Hook, p.Format = "webhooks", h, v.view.Project.EffectiveFormat(h)
	p.Off, _ = h.IsOff()
	if h.Description != noDescription {
		p.About = h.Description
	}
	for _, w := range h.EffectiveSchedule() {
		p.Schedule = append(p.Schedule, wait(w))
	}
	if p.Counts, err = v.web.o.Store.HookCounts(v.ctx(), h.Key, 1000); err != nil {
		return err
	}
	p.Good, p.Ended = p.Counts[hookyard.Delivered], p.Counts[hookyard.Delivered]+p.Counts[hookyard.Failed]
	p.Skipped, p.GivenUp = p.Counts[hookyard.Skipped], p.Counts[hookyard.Failed]
	p.Missed = p.Skipped + p.GivenUp
	p.Ratio = ratioBar(p.Good, p.Ended)
	if p.Owed, err = v.web.o.Store.PendingOf(v.ctx(), h.Key, owedShown); err != nil {
		return err
	}
	p.OwedMore = p.Owed == owedShown
	if due, ok, err := v.web.o.Store.NextDue(v.ctx(), h.Key); err != nil {
		return err
	} else if ok && due.Unix() > 1e9 && !h.Ordered {
		p.Next = due
	}
	if p.Newest, _, err = v.web.o.Store.Deliveries(v.ctx(),
		hookyard.DeliveryQuery{ProjectKey: v.key(), HookKey: h.Key, Limit: 15}); err != nil {
		return err
	}
	if err := v.fillCharts(p, h); err != nil {
		return err
	}
	if fault != nil {
		return v.again(fault, h.ID, p)
	}
	return v.show(http.StatusOK, h.ID, p)
}

// chartedAttempts is how many of the newest attempts the charts are of.
const chartedAttempts = 500

func (v *visit) fillCharts(p *hookPage, h *hookyard.Hook) error {
	marks, err := v.web.o.Store.HookAttempts(v.ctx(), h.Key, chartedAttempts)
	if err != nil || len(marks) == 0 {
		return err
	}
	var good, bad, all []time.Duration
	first, last := marks[0].StartedAt, marks[0].StartedAt
	for i := range marks {
		m := &marks[i]
		if all = append(all, m.Duration); m.OK() {
			good = append(good, m.Duration)
		} else {
			bad = append(bad, m.Duration)
		}
		if m.StartedAt.Before(first) {
			first = m.StartedAt
		}
		if m.StartedAt.After(last) {
			last = m.StartedAt
		}
	}
	slices.Sort(all)
	p.P50, p.P95 = took(all[len(all)/2]), took(all[len(all)*95/100])
	p.Latency = histogram(good, bad)
	const bars = 40
	step := max(last.Sub(first)/bars+1, time.Second)
	rows := make([]bucket, bars)
	for i := range rows {
		rows[i] = bucket{Label: first.Add(step * time.Duration(i)).UTC().Format("2 Jan 15:04:05"), Parts: []int{0, 0}}
	}
	for i := range marks {
		at := min(int(marks[i].StartedAt.Sub(first)/step), bars-1)
		if marks[i].OK() {
			rows[at].Parts[0]++
		} else {
			rows[at].Parts[1]++
		}
	}
	p.Tries = stacked("The newest "+plural(len(marks), "attempt")+" over time, in UTC", []string{"taken", "not taken"},
		[]string{"good", "bad"}, rows)
	return nil
}

// changeHook does what a form on the hook's page asks for. A form without do is Yobi's: it deletes.
func changeHook(v *visit) error {
	id := v.r.PathValue("id")
	here := v.home("webhooks", id)
	switch v.get("do") {
	case "":
		return deleteHook(v)
	case "delete":
		if err := v.do(http.MethodDelete, nil, nil, "hooks", id); err != nil {
			return err
		}
		return v.see(v.home("webhooks"), "deleted")
	case "test":
		return v.settle(v.do(http.MethodPost, nil, nil, "hooks", id, "test"), here, "tested")
	case "enable":
		return v.settle(v.do(http.MethodPost, nil, nil, "hooks", id, "enable"), here, "on")
	case "disable":
		return v.settle(v.do(http.MethodPatch, map[string]any{"active": false}, nil, "hooks", id), here, "off")
	case "rotate":
		return rotateHook(v, id)
	case "catchup":
		return catchUp(v, id)
	case "update", "overwrite", "preview":
		return saveHook(v, id)
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}

// settle ends a form on a hook's page: back to it, or the page with what is wrong.
func (v *visit) settle(err error, to, note string) error {
	if err != nil {
		return v.hook(v.r.PathValue("id"), &hookPage{}, err)
	}
	return v.see(to, note)
}

// deleteHook is Yobi's: DELETE, or a POST without anything else, answers 200 and nothing.
func deleteHook(v *visit) error {
	if err := v.do(http.MethodDelete, nil, nil, "hooks", v.r.PathValue("id")); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusOK)
	return nil
}

func rotateHook(v *visit, id string) error {
	overlap := hookyard.Duration(24 * time.Hour)
	if v.has("leaked") {
		overlap = 0
	}
	var made client.NewSecret
	if err := v.do(http.MethodPost, client.Rotation{Overlap: &overlap}, &made, "hooks", id,
		"rotate-secret"); err != nil {
		return v.hook(id, &hookPage{}, err)
	}
	return v.reveal(v.home("webhooks", id), made.Secret, "")
}

// catchUp replays what the hook missed.
func catchUp(v *visit, id string) error {
	state := hookyard.State(v.get("state"))
	if state != hookyard.Skipped && state != hookyard.Failed {
		return hookyard.Errorf(hookyard.Invalid, "The form does not say what to catch up on.")
	}
	if err := v.do(http.MethodPost, client.ReplayRequest{Hook: id, State: state}, nil, "replays"); err != nil {
		return v.hook(id, &hookPage{}, err)
	}
	return v.see(v.home("replays"), "replaying")
}

// hookEditPage is the form of a hook there is.
type hookEditPage struct {
	base
	Hook *hookyard.Hook
	Form *hookForm
}

func editHook(v *visit) error {
	h, err := v.hookOf(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.edit(h, formOf(h), nil)
}

func (v *visit) edit(h *hookyard.Hook, f *hookForm, fault error) error {
	p := &hookEditPage{Hook: h, Form: f}
	p.Tab = "webhooks"
	f.ID, f.HasSecret = h.ID, len(h.Secrets) > 0
	if err := v.choices(f); err != nil {
		return err
	}
	if fault != nil {
		return v.again(fault, "Change "+h.ID, p)
	}
	return v.show(http.StatusOK, "Change "+h.ID, p)
}

func (v *visit) hookOf(id string) (*hookyard.Hook, error) {
	h, err := v.web.o.Store.Hook(v.ctx(), v.key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, hookyard.Errorf(hookyard.NotFound, "There is no such hook in this project.")
	}
	return h, err
}

func saveHook(v *visit, id string) error {
	f := v.readHookForm()
	h, err := v.hookOf(id)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return v.gone(id, f)
	}
	if err != nil {
		return err
	}
	if v.get("do") == "preview" {
		if err := v.try(f); err != nil {
			return err
		}
		return v.edit(h, f, nil)
	}
	settings, err := f.settings(v.view.Project, h, v.web.o.Limits)
	if err != nil {
		return v.edit(h, f, err)
	}
	err = v.doAt(f.Revision, http.MethodPatch, settings, "hooks", id)
	if err == nil {
		return v.see(v.home("webhooks", id), "saved")
	}
	now, again := v.hookOf(id)
	if hookyard.CodeOf(again) == hookyard.NotFound {
		return v.gone(id, f)
	}
	if again != nil {
		return again
	}
	f.overtaken(err, now.Revision)
	return v.edit(now, f, err)
}

// gone offers what was typed for a hook that was deleted meanwhile as a new one.
func (v *visit) gone(id string, f *hookForm) error {
	f.New, f.ID, f.edition = true, id, edition{}
	return v.hooks(f, hookyard.FieldErrorf("id",
		"The hook was deleted meanwhile. What you typed is below: adding it makes the hook again."))
}
