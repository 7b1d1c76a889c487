package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
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

// bins asks the bins' own handler, as the browser that sent v: the key of a private bin is in a cookie.
func (v *visit) bins(method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(v.ctx(), method, "/api/bins"+path, &body)
	if err != nil {
		return err
	}
	r.Header = v.r.Header.Clone()
	r.RemoteAddr, r.Host = v.r.RemoteAddr, v.r.Host
	r.Header.Set("Content-Type", "application/json")
	w := &inner{header: http.Header{}, status: http.StatusOK}
	v.web.o.Bins.ServeHTTP(w, r)
	for _, c := range w.header["Set-Cookie"] {
		v.w.Header().Add("Set-Cookie", c)
	}
	if w.status >= 300 {
		e := client.Error{}
		if json.Unmarshal(w.body.Bytes(), &e) != nil || e.Code == "" {
			e.Code, e.Detail = hookyard.NotFound, "There is no such bin, or it has ended."
		}
		return &hookyard.Error{Code: e.Code, Field: e.Field, Message: e.Detail}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(w.body.Bytes(), out)
}

// inner keeps what a handler writes.
type inner struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *inner) Header() http.Header { return w.header }

func (w *inner) WriteHeader(status int) { w.status = status }

func (w *inner) Write(b []byte) (int, error) { return w.body.Write(b) }

func showBins(v *visit) error { return v.binsPage(&binsPage{}, nil) }

// binsListed is how many of a browser's bins are looked up at most.
const binsListed = 30

func (v *visit) binsPage(p *binsPage, fault error) error {
	for _, c := range v.r.Cookies() { // each holds the key of a bin that the browser has created
		name, ok := strings.CutPrefix(c.Name, "bin_")
		if !ok || len(p.Mine) == binsListed {
			continue
		}
		var one binInfo
		if v.bins(http.MethodGet, join(name), nil, &one) == nil { // else it has expired or was deleted
			p.Mine = append(p.Mine, one)
		}
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
	var made binInfo
	if err == nil {
		err = v.bins(http.MethodPost, "", in, &made)
	}
	if err != nil {
		return v.binsPage(&binsPage{Form: f}, err)
	}
	return v.redirect("/bins/"+made.Name, "created")
}

func (v *visit) readBinForm() binForm {
	return binForm{Private: v.has("private"), Status: v.get("status"), Type: v.get("type"), Body: v.form.Get("body"),
		Delay: v.get("delay")}
}

// settings makes the body for the API of bins.
func (f *binForm) settings() (*client.BinSettings, error) {
	status, err := number("answer.status", f.Status)
	if err != nil {
		return nil, err
	}
	out := &client.BinSettings{Private: f.Private, Status: int(status), Body: f.Body}
	if f.Type != "" {
		out.Headers = map[string]string{"Content-Type": f.Type}
	}
	if f.Delay != "" {
		d, err := hookyard.ParseDuration(f.Delay)
		if err != nil {
			return nil, hookyard.FieldErrorf("answer.delay", "Write a duration such as 2s.")
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
