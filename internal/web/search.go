package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// searchPage finds events of all projects that the caller may read.
type searchPage struct {
	base
	Find   string
	Since  string
	Found  *control.AllFound
	Bodies string // URL of the same search in bodies
	Older  string // URL of the next page, or ""
	Newest string // URL of the first page, or "" on that page
}

func showSearch(v *visit) error {
	p := &searchPage{Find: v.get("find"), Since: v.get("since"), Found: &control.AllFound{}}
	if p.Find == "" {
		return v.show(http.StatusOK, "Search", p)
	}
	q := control.EventSearch{Find: p.Find, In: v.get("in")}
	q.Limit = eventsShown
	from, err := readPlace(v.get("after"))
	if err == nil {
		q.Since, err = v.time("since")
	}
	if err != nil {
		return v.showInvalid(err, "Search", p)
	}
	if p.Found, err = v.web.o.Control.Search(v.ctx(), v.id, q, from); err != nil {
		p.Found = &control.AllFound{}
		return v.showInvalid(err, "Search", p)
	}
	keep := url.Values{"find": {p.Find}}
	if p.Since != "" {
		keep.Set("since", p.Since)
	}
	if from.Project != "" {
		p.Newest = "?" + keep.Encode()
	}
	keep.Set("in", control.InBodies)
	p.Bodies = "?" + keep.Encode()
	if next := p.Found.Next; next.Project != "" {
		keep.Set("in", p.Found.In)
		keep.Set("after", next.Project+":"+strconv.FormatInt(next.Before, 10))
		p.Older = "?" + keep.Encode()
	}
	return v.show(http.StatusOK, "Search", p)
}

// readPlace reads where a search over all projects goes on.
func readPlace(text string) (from control.Place, err error) {
	if text == "" {
		return from, nil
	}
	project, before, _ := strings.Cut(text, ":")
	if from.Before, err = strconv.ParseInt(before, 10, 64); err != nil || from.Before < 0 || project == "" {
		return from, hookyard.FieldErrorf("after", "The address was cut off; start the search again.")
	}
	from.Project = project
	return from, nil
}
