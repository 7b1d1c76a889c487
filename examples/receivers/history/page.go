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

// parsed escapes its data: messages are untrusted.
var parsed = template.Must(template.New("page").Parse(pageText))

// onPage is the number of notifications on a page.
const onPage = 50

// page lists the notifications, newest first.
type page struct {
	inbox *receivers.Inbox
	log   *slog.Logger
}

// pageData is the data of page.html.
type pageData struct {
	Count  int
	List   []receivers.Notification
	Before int64 // where the next page starts; 0: no next page
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
		http.Error(w, "cannot read the history", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w) // an error means that the browser has disconnected
}

func (p *page) data(r *http.Request) (data pageData, err error) {
	before, err := strconv.ParseInt(r.FormValue("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // start with the newest
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
