package main

import (
	"bytes"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/hookyard/hookyard/examples/receivers"
)

//go:embed page.html
var pageText string

// parsed escapes what it is given: a message is a stranger's text.
var parsed = template.Must(template.New("page").Parse(pageText))

// onPage is how many notifications a page shows.
const onPage = 50

// page lists what was received, the newest first.
type page struct {
	inbox *receivers.Inbox
	log   *slog.Logger
}

// pageData is what page.html shows.
type pageData struct {
	Count  int
	List   []receivers.Notification
	Before int64 // where the next page begins; 0: there is none
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	var out bytes.Buffer
	data, err := p.data(r)
	if err == nil {
		err = parsed.Execute(&out, data)
	}
	if err != nil {
		p.log.Error("cannot show the history", "error", err)
		http.Error(w, "the history cannot be read", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w) // whoever hung up does not want it
}

func (p *page) data(r *http.Request) (data pageData, err error) {
	before, err := strconv.ParseInt(r.FormValue("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // from the newest
	}
	if data.Count, err = p.inbox.Count(r.Context()); err != nil {
		return data, err
	}
	if data.List, err = p.inbox.Before(r.Context(), before, onPage); err != nil {
		return data, err
	}
	if n := len(data.List); n == onPage && data.List[n-1].Seq > 1 {
		data.Before = data.List[n-1].Seq
	}
	return data, nil
}
