package web

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// hookRow is a hook as the list shows it.
type hookRow struct {
	*hookyard.Hook
	Format string
	results
	Ratio template.HTML
	Last  *answer // nil: nothing was ever sent
}

// answer is the last answer of a hook's receiver.
type answer struct {
	At   time.Time
	OK   bool
	Text string
}

// lastAnswer returns the newest answer that the hook's attempts and its health know of.
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

// hooksPage lists the hooks, failing ones first, with the form that creates one.
type hooksPage struct {
	base
	Rows  []hookRow
	Form  *hookForm
	Q     string // only hooks whose id or URL contains this
	All   int    // hooks of the project
	Found int
	First string // URL of the first page, or "" on that page
	More  string // URL of the next page, or ""
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
	if err := v.fillChoices(f); err != nil {
		return err
	}
	hooks, err := v.project.Hooks(v.ctx())
	if err != nil {
		return err
	}
	shown := p.part(hooks, v.get("q"), v.get("after"))
	results, err := v.web.results(v.ctx(), v.key(), shown)
	if err != nil {
		return err
	}
	for _, h := range shown {
		row := hookRow{Hook: h, Format: v.project.Snapshot.Project.EffectiveFormat(h), results: results[h.Key]}
		row.Ratio = ratioBar(row.Good, row.Ended)
		if row.Last, err = v.lastAnswer(h); err != nil {
			return err
		}
		p.Rows = append(p.Rows, row)
	}
	if fault != nil {
		return v.showInvalid(fault, "Hooks", p)
	}
	return v.show(http.StatusOK, "Hooks", p)
}

// part returns the hooks of a page: those that match q, after the hook named. It fills the page's counts and links.
func (p *hooksPage) part(hooks []*hookyard.Hook, q, after string) []*hookyard.Hook {
	p.Q, p.All = q, len(hooks)
	keep := url.Values{}
	if low := strings.ToLower(q); low != "" {
		keep.Set("q", q)
		hooks = slices.DeleteFunc(hooks, func(h *hookyard.Hook) bool {
			return !strings.Contains(strings.ToLower(h.ID), low) &&
				!strings.Contains(strings.ToLower(hookyard.MaskURL(h.URL)), low)
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

// rank sorts hooks that are in trouble first and those that a user switched off last.
func rank(h *hookyard.Hook) int {
	switch {
	case h.InTrouble(time.Now()):
		return 0
	case h.Active:
		return 1
	}
	return 2
}

// createHook creates a hook from the form, ours or Yobi's.
func createHook(v *visit) error {
	f := v.readHookForm()
	f.New = true
	if v.get("do") == "preview" && v.portal == nil {
		if err := v.fillPreview(f); err != nil {
			return err
		}
		return v.hooks(f, v.previewFault(f))
	}
	in, err := v.hookPatch(f, nil)
	if err != nil {
		return v.hooks(f, err)
	}
	id := cmp.Or(f.ID, v.hookID(f.URL))
	if _, err := v.project.CreateHook(v.ctx(), id, in); err != nil {
		if hookyard.CodeOf(err) == hookyard.Conflict {
			err = hookyard.FieldErrorf("id", "There is already a hook with this id.")
		}
		return v.hooks(f, err)
	}
	if f.SecretFrom == "made" {
		secret, _ := in.Secret.Get()
		return v.showOnce(v.home("webhooks", id), secret, "created")
	}
	if !v.has("ours") {
		return v.redirect(v.home("webhooks"), "") // Yobi's form leads back to the list
	}
	return v.redirect(v.home("webhooks", id), "created")
}
