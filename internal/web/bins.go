package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// binsPage makes a bin.
type binsPage struct {
	base
	Form binForm
}

// binForm is what stands in the form of a bin.
type binForm struct {
	Private             bool
	Status, Body, Delay string
}

// binInfo is a bin as the API of bins shows it.
type binInfo struct {
	Name         string           `json:"name"`
	Private      bool             `json:"private"`
	RequestCount int              `json:"request_count"`
	URL          string           `json:"url"`
	Answer       *hookyard.Answer `json:"answer"`
	ExpiresAt    time.Time        `json:"expiresAt"`
}

// binRequest is a request to a bin, likewise.
type binRequest struct {
	ID            string            `json:"id"`
	Time          float64           `json:"time"` // seconds since 1970
	Method        string            `json:"method"`
	Path          string            `json:"path"`
	RemoteAddr    string            `json:"remote_addr"`
	Headers       map[string]string `json:"headers"`
	RawBase64     []byte            `json:"rawBase64"`
	ContentLength int64             `json:"content_length"`
}

// When is when it came.
func (r binRequest) When() time.Time { return time.UnixMicro(int64(r.Time * 1e6)).UTC() }

// Lines are its headers, sorted.
func (r binRequest) Lines() []headerLine {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	return headerLines(h)
}

// View is its body as a page shows it.
func (r binRequest) View() bodyView { return viewBody(r.RawBase64, r.ContentLength) }

// binPage watches a bin.
type binPage struct {
	base
	Bin      binInfo
	Requests []binRequest
	Into     string // of the form that makes a source: owner/name
	Name     string
	Secret   string
}

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
	r.Header, r.RemoteAddr, r.Host = v.r.Header.Clone(), v.r.RemoteAddr, v.r.Host
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

func showBins(v *visit) error { return v.show(http.StatusOK, "Bins", &binsPage{}) }

func makeBin(v *visit) error {
	f := binForm{Private: v.has("private"), Status: v.get("status"), Body: v.form.Get("body"), Delay: v.get("delay")}
	status, err := number("answer.status", f.Status)
	if err != nil {
		return v.again(err, "Bins", &binsPage{Form: f})
	}
	in := map[string]any{"private": f.Private, "status": int(status), "body": f.Body}
	if f.Delay != "" {
		if _, err := time.ParseDuration(f.Delay); err != nil {
			return v.again(hookyard.FieldErrorf("answer.delay", "Write a duration such as 2s."), "Bins", &binsPage{Form: f})
		}
		in["delay"] = f.Delay
	}
	var made binInfo
	if err := v.bins(http.MethodPost, "", in, &made); err != nil {
		return v.again(err, "Bins", &binsPage{Form: f})
	}
	return v.see("/bins/"+made.Name, "created")
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
	if fault != nil {
		return v.again(fault, "Bin", p)
	}
	return v.show(http.StatusOK, "Bin "+p.Bin.Name, p)
}

// changeBin deletes a bin or makes a source of it.
func changeBin(v *visit) error {
	path := join(v.r.PathValue("bin"))
	switch v.get("do") {
	case "delete":
		if err := v.bins(http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
		return v.see("/bins", "deleted")
	case "source":
		p := &binPage{Into: v.get("project"), Name: v.get("name"), Secret: v.form.Get("secret")}
		in := map[string]string{"project": p.Into, "name": p.Name, "secret": p.Secret}
		var made struct{ Project, Name string }
		if err := v.bins(http.MethodPost, path+"/source", in, &made); err != nil {
			if hookyard.CodeOf(err) == hookyard.Forbidden {
				err = hookyard.FieldErrorf("project", "There is no such project, or you may not change it.")
			}
			return v.bin(p, err)
		}
		return v.see("/"+made.Project+"/sources"+join(made.Name), "created")
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}
