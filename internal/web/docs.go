package web

import (
	"html/template"
	"net/http"
)

// docsPage describes the REST API.
type docsPage struct {
	base
	Docs template.HTML
}

func showDocs(v *visit) error {
	return v.show(http.StatusOK, "API", &docsPage{Docs: v.web.o.Docs})
}
