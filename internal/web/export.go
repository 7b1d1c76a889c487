package web

import (
	"encoding/json"
	"net/http"
)

// export answers with the project's settings, hooks, sources and members as the API shows them.
func export(v *visit) error {
	out := map[string]json.RawMessage{}
	for name, parts := range map[string][]string{"project": nil, "hooks": {"hooks"}, "sources": {"sources"},
		"members": {"members"}} {
		var one json.RawMessage
		if err := v.do(http.MethodGet, nil, &one, parts...); err != nil {
			return err
		}
		out[name] = one
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	p := v.project.View.Project
	h.Set("Content-Disposition", `attachment; filename="`+p.Owner+"-"+p.Name+`.json"`)
	h.Set("Cache-Control", "no-store")
	return writeBody(v.w, v.r, http.StatusOK, b)
}
