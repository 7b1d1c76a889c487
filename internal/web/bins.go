package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/bin"
)

// binsPage creates a bin and lists those that this browser has created.
type binsPage struct {
	base
	Form binForm
	Mine []binInfo // the first to expire comes first
}

// binForm is the form of a bin, as it was filled in.
type binForm struct {
	Private                   bool
	Status, Type, Body, Delay string
}

// binInfo is a bin as pages show it.
type binInfo struct{ client.Bin }

// Count is how many requests the bin holds.
func (b binInfo) Count() int { return int(b.RequestCount) }

// binRequest is a request to a bin as pages show it.
type binRequest struct{ client.BinRequest }

// When is when the request arrived.
func (r binRequest) When() time.Time { return time.UnixMicro(int64(r.Time * 1e6)).UTC() }

// Lines are the headers, sorted by name.
func (r binRequest) Lines() []headerLine {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	return headerLines(h)
}

// View is the body as a page shows it.
func (r binRequest) View() bodyView { return viewBody(r.RawBase64, r.ContentLength) }

// binCaller returns who asks for a bin: its key is in a cookie of the browser that created it.
func (v *visit) binCaller(name string) bin.Caller { return bin.CallerOf(v.r, name) }

// binFault returns err in the words of the pages.
func binFault(err error) error {
	if errors.Is(err, bin.ErrNoBin) || errors.Is(err, bin.ErrPrivate) {
		return hookyard.Errorf(hookyard.NotFound, "There is no such bin, or it has expired.")
	}
	return err
}

func showBins(v *visit) error { return v.binsPage(&binsPage{}, nil) }

// binsListed is how many of a browser's bins are looked up at most.
const binsListed = 30

func (v *visit) binsPage(p *binsPage, fault error) error {
	for _, c := range v.r.Cookies() { // each holds the key of a bin that the browser has created
		name, ok := strings.CutPrefix(c.Name, bin.CookiePrefix)
		if !ok || len(p.Mine) == binsListed {
			continue
		}
		one, err := v.web.o.Bins.Bin(v.ctx(), v.binCaller(name), name)
		if errors.Is(err, bin.ErrNoBin) {
			continue // it has expired or was deleted
		}
		if err != nil {
			return err
		}
		p.Mine = append(p.Mine, binInfo{one})
	}
	slices.SortFunc(p.Mine, func(a, b binInfo) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	if fault != nil {
		return v.showInvalid(fault, "Bins", p)
	}
	return v.show(http.StatusOK, "Bins", p)
}

func createBin(v *visit) error {
	f := v.readBinForm()
	in, err := f.settings()
	var made client.Bin
	if err == nil {
		made, err = v.web.o.Bins.Create(v.ctx(), v.binCaller(""), in)
	}
	if err != nil {
		return v.binsPage(&binsPage{Form: f}, err)
	}
	http.SetCookie(v.w, v.web.o.Bins.Cookie(made))
	return v.redirect("/bins/"+made.Name, "created")
}

func (v *visit) readBinForm() binForm {
	return binForm{Private: v.has("private"), Status: v.get("status"), Type: v.get("type"), Body: v.form.Get("body"),
		Delay: v.get("delay")}
}

// settings returns what the form sets.
func (f *binForm) settings() (out client.BinSettings, err error) {
	status, err := number("answer.status", f.Status)
	if err != nil {
		return out, err
	}
	out = client.BinSettings{Private: f.Private, Status: int(status), Body: f.Body}
	if f.Type != "" {
		out.Headers = map[string]string{"Content-Type": f.Type}
	}
	if f.Delay != "" {
		d, err := hookyard.ParseDuration(f.Delay)
		if err != nil {
			return out, hookyard.FieldErrorf("answer.delay", "Write a duration such as 2s.")
		}
		out.Delay = hookyard.Duration(d)
	}
	return out, nil
}

// formOfAnswer returns the form filled in with a bin's answer.
func formOfAnswer(a *hookyard.Answer) binForm {
	if a == nil {
		return binForm{}
	}
	f := binForm{Body: a.Body, Type: a.Headers["Content-Type"]}
	if a.Status != 0 {
		f.Status = strconv.Itoa(a.Status)
	}
	if a.Delay != 0 {
		f.Delay = hookyard.FormatDuration(time.Duration(a.Delay))
	}
	return f
}
