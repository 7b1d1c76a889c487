package web

import (
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/curl"
)

// curl returns the command that sends the event again as it came. It is "" when the body is past retention or too long
// to copy, and when the command holds characters that do not show.
func (v *visit) curl(e *hookyard.Event) string {
	if e.Body == nil && e.Size > 0 || len(e.Body) > 32<<10 {
		return ""
	}
	p := v.project.Snapshot.Project
	r := curl.Request{Method: http.MethodPost, URL: v.web.o.BaseURL + "/api/projects" + join(p.Owner, p.Name, "events")}
	if e.Method == "" {
		r.Token, r.Header = "HOOKYARD_TOKEN", http.Header{"Content-Type": {hookyard.TypeJSON}}
		r.Body = hookyard.AppendJSONString([]byte(`{"type":`), e.Type)
		r.Body = append(append(append(r.Body, `,"data":`...), e.Data()...), '}')
	} else {
		r.Header, r.Body = e.Header, e.Body
		if v.project.Snapshot.Sources[e.Source] != nil {
			r.Method = e.Method
			r.URL = v.web.o.BaseURL + "/in" + join(p.Owner, p.Name, e.Source) + e.Target
		}
	}
	if s := curl.Command(r); !strings.ContainsFunc(s, hidden) {
		return s
	}
	return ""
}
