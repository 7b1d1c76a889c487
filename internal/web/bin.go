package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/control"
)

// binPage shows the requests to a bin as they arrive.
type binPage struct {
	base
	Bin      binInfo
	Requests []binRequest
	Form     binForm
	Into     string // the project in the form that creates a source: owner/name
	Name     string
	Secret   string
	First    bool // the newest request is unfolded. One that arrives later is not: there may be many.
}

// AnswerFault reports whether the fault is in the form of the answer.
func (p *binPage) AnswerFault() bool {
	return slices.ContainsFunc(p.Problems, func(e *hookyard.Error) bool {
		return strings.HasPrefix(e.Field, "answer.")
	})
}

func showBin(v *visit) error { return v.bin(&binPage{}, nil) }

func (v *visit) bin(p *binPage, fault error) error {
	name := v.r.PathValue("bin")
	one, err := v.web.o.Bins.Bin(v.ctx(), v.binCaller(name), name)
	if err != nil {
		return binFault(err)
	}
	requests, err := v.web.o.Bins.Requests(v.ctx(), v.binCaller(name), name)
	if err != nil {
		return binFault(err)
	}
	p.Bin = binInfo{one}
	for _, r := range requests {
		p.Requests = append(p.Requests, binRequest{r})
	}
	p.First = !v.has("part") || len(p.Requests) == 1
	if fault != nil {
		return v.showInvalid(fault, "Bin", p)
	}
	p.Form = formOfAnswer(p.Bin.Answer)
	return v.show(http.StatusOK, "Bin "+p.Bin.Name, p)
}

// binAction deletes a bin, sets its answer, or creates a source from it.
func binAction(v *visit) error {
	switch v.get("do") {
	case "delete":
		name := v.r.PathValue("bin")
		if err := v.web.o.Bins.Delete(v.ctx(), v.binCaller(name), name); err != nil {
			return binFault(err)
		}
		return v.redirect("/bins", "deleted")
	case "answer":
		return setBinAnswer(v)
	case "source":
		return createBinSource(v)
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}

func setBinAnswer(v *visit) error {
	name, f := v.r.PathValue("bin"), v.readBinForm()
	in, err := f.settings()
	if err == nil {
		_, err = v.web.o.Bins.SetAnswer(v.ctx(), v.binCaller(name), name, in)
	}
	if hookyard.CodeOf(err) == hookyard.Forbidden {
		err = hookyard.FieldErrorf("answer.status", "Only the browser that created the bin can change it.")
	}
	if err != nil {
		return v.bin(&binPage{Form: f}, err)
	}
	return v.redirect("/bins"+join(name), "saved")
}

// createBinSource creates a source for the sender of the bin's requests.
func createBinSource(v *visit) error {
	p := &binPage{Into: v.get("project"), Name: v.get("name"), Secret: v.form.Get("secret")}
	made, err := v.binSource(p)
	if hookyard.CodeOf(err) == hookyard.Forbidden {
		err = hookyard.FieldErrorf("project", "There is no such project, or you may not change it.")
	}
	if err != nil {
		return v.bin(p, err)
	}
	return v.redirect("/"+made.Project+"/sources"+join(made.Name), "created")
}

func (v *visit) binSource(p *binPage) (made client.BinSource, err error) {
	owner, project, ok := strings.Cut(p.Into, "/")
	if !ok {
		return made, hookyard.FieldErrorf("project", "project must be owner/name")
	}
	if v.id == nil {
		return made, hookyard.Errorf(hookyard.Unauthenticated, "Sign in to create a source.")
	}
	to, err := v.web.o.Control.ProjectOnUse(v.ctx(), v.id, owner, project, control.Write)
	if err != nil {
		return made, err
	}
	name := v.r.PathValue("bin")
	in := client.BinSourceRequest{Project: p.Into, Name: p.Name, Secret: p.Secret}
	return v.web.o.Bins.Source(v.ctx(), v.binCaller(name), bin.SourceSpec{Bin: name, Project: to, Source: in})
}
