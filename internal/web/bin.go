package web

import (
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
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
	return p.Problem != nil && strings.HasPrefix(p.Problem.Field, "answer.")
}

func showBin(v *visit) error { return v.bin(&binPage{}, nil) }

func (v *visit) bin(p *binPage, fault error) error {
	path := join(v.r.PathValue("bin"))
	if err := v.bins(http.MethodGet, path, nil, &p.Bin); err != nil {
		return err
	}
	if err := v.bins(http.MethodGet, path+"/requests", nil, &p.Requests); err != nil {
		return err
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
	path := join(v.r.PathValue("bin"))
	switch v.get("do") {
	case "delete":
		if err := v.bins(http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
		return v.redirect("/bins", "deleted")
	case "answer":
		f := v.readBinForm()
		in, err := f.settings()
		if err == nil {
			err = v.bins(http.MethodPut, path+"/answer", in, nil)
		}
		if hookyard.CodeOf(err) == hookyard.Forbidden {
			err = hookyard.FieldErrorf("answer.status", "Only the browser that created the bin can change it.")
		}
		if err != nil {
			return v.bin(&binPage{Form: f}, err)
		}
		return v.redirect("/bins"+path, "saved")
	case "source":
		p := &binPage{Into: v.get("project"), Name: v.get("name"), Secret: v.form.Get("secret")}
		in := client.BinSourceRequest{Project: p.Into, Name: p.Name, Secret: p.Secret}
		var made client.BinSource
		if err := v.bins(http.MethodPost, path+"/source", in, &made); err != nil {
			if hookyard.CodeOf(err) == hookyard.Forbidden {
				err = hookyard.FieldErrorf("project", "There is no such project, or you may not change it.")
			}
			return v.bin(p, err)
		}
		return v.redirect("/"+made.Project+"/sources"+join(made.Name), "created")
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}
