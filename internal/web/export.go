package web

import (
	"net/http"
)

// export answers with the project's settings, hooks, sources and members as the API shows them.
func export(v *visit) error {
	b, err := v.web.o.Export(v.ctx(), v.project)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	p := v.project.Snapshot.Project
	h.Set("Content-Disposition", `attachment; filename="`+p.Owner+"-"+p.Name+`.json"`)
	h.Set("Cache-Control", "no-store")
	return v.writeBody(http.StatusOK, b)
}
