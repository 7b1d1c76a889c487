package web

import (
	"errors"
	"net/http"

	"github.com/hookyard/hookyard"
)

// hookEditPage is the form that changes a hook.
type hookEditPage struct {
	base
	Hook *hookyard.Hook
	Form *hookForm
}

func editHook(v *visit) error {
	h, err := v.findHook(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.edit(h, formOf(h), nil)
}

func (v *visit) edit(h *hookyard.Hook, f *hookForm, fault error) error {
	p := &hookEditPage{Hook: h, Form: f}
	p.Tab = "webhooks"
	f.ID, f.HasSecret = h.ID, len(h.Secrets) > 0
	if err := v.fillChoices(f); err != nil {
		return err
	}
	if fault != nil {
		return v.showInvalid(fault, "Edit "+h.ID, p)
	}
	return v.show(http.StatusOK, "Edit "+h.ID, p)
}

func (v *visit) findHook(id string) (*hookyard.Hook, error) {
	h, err := v.web.o.Store.Hook(v.ctx(), v.key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, hookyard.Errorf(hookyard.NotFound, "There is no such hook in this project.")
	}
	return h, err
}

func updateHook(v *visit, id string) error {
	f := v.readHookForm()
	h, err := v.findHook(id)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return v.offerDeletedHook(id, f)
	}
	if err != nil {
		return err
	}
	if v.get("do") == "preview" && v.portal == nil {
		if err := v.fillPreview(f); err != nil {
			return err
		}
		return v.edit(h, f, v.previewFault(f))
	}
	in, err := v.hookPatch(f, h)
	if err != nil {
		return v.edit(h, f, err)
	}
	_, fault := v.project.UpdateHook(v.ctx(), id, in)
	if fault == nil && f.SecretFrom == "made" {
		secret, _ := in.Secret.Get()
		return v.showOnce(v.home("webhooks", id), secret, "saved")
	}
	if fault == nil {
		return v.redirect(v.home("webhooks", id), "saved")
	}
	h, err = v.findHook(id)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return v.offerDeletedHook(id, f)
	}
	if err != nil {
		return err
	}
	f.noteConflict(fault, h.Revision)
	return v.edit(h, f, fault)
}

// offerDeletedHook shows what was typed for a hook that has been deleted in the form of a new hook.
func (v *visit) offerDeletedHook(id string, f *hookForm) error {
	f.New, f.ID = true, id
	f.edition = edition{}
	return v.hooks(f, hookyard.FieldErrorf("id",
		"The hook has been deleted. What you typed is still below: add it to create the hook again."))
}
