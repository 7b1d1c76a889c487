package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// The resources that project_href and feature_href of format netbeans lead to. As at Kenai, whose clients read them,
// they are JSON by a suffix .json or by one of these types in Accept.
const (
	typeKenaiProject = "application/vnd.com.kenai.project+json"
	typeKenaiFeature = "application/vnd.com.kenai.feature+json"
)

// kenaiProject is a project under the names that Kenai had for it.
type kenaiProject struct {
	ContentType string    `json:"content_type"`
	Href        string    `json:"href"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// showProject answers a project as hookyard has it, and as Kenai had it to who asks for that. A name that ends with
// .json is first taken as it stands.
func showProject(c *call) error {
	name := c.param("project")
	found, err := c.readable(name)
	if short, ok := strings.CutSuffix(name, ".json"); ok && err != nil {
		found, err = c.readable(short)
	}
	if err != nil {
		return err
	}
	p := found.Snapshot.Project
	c.w.Header().Set("ETag", etag(p.Revision))
	if !c.accepts(typeKenaiProject) {
		return c.reply(http.StatusOK, projectJSON(p))
	}
	return c.replyAs(typeKenaiProject, kenaiProject{
		ContentType: typeKenaiProject, Href: c.a.projectHref(p), Name: p.Name, Description: p.Description,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	})
}

// readable returns a project of the path's owner if the caller may read it.
func (c *call) readable(name string) (*control.Project, error) {
	return c.a.o.Control.Project(c.ctx(), c.id, c.param("owner"), name, control.Read)
}

// showFeature answers any feature that an event could name: publishers make them up, and a link that was sent must
// lead somewhere.
func showFeature(c *call) error {
	name := strings.TrimSuffix(c.param("feature"), ".json")
	if name == "" || len(name) > c.a.o.Limits.EventType {
		return hookyard.Errorf(hookyard.NotFound,
			"no such feature: its name must have 1 to %d bytes (setting: --max-event-type)", c.a.o.Limits.EventType)
	}
	project := c.a.projectHref(c.project.Snapshot.Project)
	feature := client.Feature{ContentType: typeKenaiFeature, Href: project + "/features/" + url.PathEscape(name),
		Name: name, ProjectHref: project}
	if !c.accepts(typeKenaiFeature) {
		return c.reply(http.StatusOK, feature)
	}
	return c.replyAs(typeKenaiFeature, feature)
}

func (a *API) projectHref(p *hookyard.Project) string {
	return a.o.BaseURL + "/api/projects/" + p.Path()
}

// accepts reports whether the caller names a media type.
func (c *call) accepts(mediaType string) bool {
	return strings.Contains(strings.ToLower(strings.Join(c.r.Header.Values("Accept"), ",")), mediaType)
}

// replyAs answers with the JSON of v under a media type of its own.
func (c *call) replyAs(mediaType string, v any) error {
	b, err := hookyard.EncodeJSON(v)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = c.w.Write(b) // the caller may have hung up
	return nil
}
