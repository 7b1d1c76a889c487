package web

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// curl is a command that sends the event again as it arrived, or "" when copying the command would change the event.
func (v *visit) curl(e *hookyard.Event) string {
	s := v.curlOf(e)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) {
		return ""
	}
	return s
}

func (v *visit) curlOf(e *hookyard.Event) string {
	if e.Body == nil && e.Size > 0 || len(e.Body) > 32<<10 || !utf8.Valid(e.Body) {
		return ""
	}
	var b strings.Builder
	p := v.project.View.Project
	method, to := "POST", v.web.o.BaseURL+"/api/projects"+join(p.Owner, p.Name, "events")
	if s := v.project.View.Sources[e.Source]; s != nil && e.Method != "" {
		method, to = e.Method, v.web.o.BaseURL+"/in"+join(p.Owner, p.Name, e.Source)+e.Target
	}
	b.WriteString("curl -X " + quote(method) + " " + quote(to))
	if e.Method == "" {
		b.WriteString(" \\\n  -H \"Authorization: Bearer $HOOKYARD_TOKEN\" \\\n  -H 'Content-Type: application/json'")
		b.WriteString(" \\\n  --data-binary " +
			quote(`{"type":`+string(hookyard.AppendJSONString(nil, e.Type))+`,"data":`+string(e.Data())+`}`))
		return b.String()
	}
	for _, h := range headerLines(e.Header) {
		switch http.CanonicalHeaderKey(h.Name) {
		case "Content-Length", "Host", "Connection", "Accept-Encoding", "X-Forwarded-For", "X-Real-Ip":
			continue
		}
		b.WriteString(" \\\n  -H " + quote(h.Name+": "+h.Value))
	}
	if len(e.Body) > 0 {
		b.WriteString(" \\\n  --data-binary " + quote(string(e.Body)))
	}
	return b.String()
}

// quote makes a word of a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
