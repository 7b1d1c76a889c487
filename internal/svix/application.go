package svix

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// application is a project as Svix shows it.
type application struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	UID          string            `json:"uid,omitempty"`
	RateLimit    *int              `json:"rateLimit,omitempty"`
	ThrottleRate *int              `json:"throttleRate"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	Metadata     map[string]string `json:"metadata"`
}

func applicationOf(p *hookyard.Project) application {
	out := application{ID: p.Name, Name: p.Title, UID: p.UID, ThrottleRate: wholeRate(p.Rate), CreatedAt: p.CreatedAt,
		UpdatedAt: p.UpdatedAt, Metadata: p.Metadata}
	if out.RateLimit = out.ThrottleRate; out.Name == "" {
		out.Name = p.Name
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

// wholeRate returns a rate as Svix has it, nil for none.
func wholeRate(rate float64) *int {
	if rate <= 0 {
		return nil
	}
	n := max(1, int(rate))
	return &n
}

func listApps(c *call) (int, any, error) {
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	p, err := c.page(q)
	if err != nil {
		return 0, nil, err
	}
	descending, err := order(q, false)
	if err != nil {
		return 0, nil, err
	}
	if p.iterator != "" && !strings.HasPrefix(p.iterator, "app_") { // or it is a project's that has its own name
		if _, err := c.appOf(p.iterator, control.Read); err != nil {
			return 0, nil, c.foreign()
		}
	}
	found, err := c.a.o.Control.ProjectsOf(c.ctx(), c.id, c.owner, p.iterator, p.backward != descending, p.limit+1)
	if err != nil {
		return 0, nil, err
	}
	apps := make([]application, len(found))
	for i, project := range found {
		apps[i] = applicationOf(project)
	}
	return http.StatusOK, pageOf(p, apps, func(a application) string { return a.ID }), nil
}

// application reads what a request says about an application. One that replaces all sets what it does not name to its
// default.
func (c *call) application(o object, replaces bool) (in control.ProjectPatch) {
	if replaces {
		in.UID, in.Rate = control.Null[string](), control.Null[float64]()
		in.Metadata = control.Null[map[string]string]()
		c.required(o, "name")
	}
	name := c.text(o, "name")
	if s, given := name.Get(); given {
		if in.Title = name; s == "" {
			c.faults.add("must not be empty", "name")
		}
	}
	if uid := c.uid(o, "uid", "app_"); uid.Given() {
		in.UID = uid
	}
	if rate := c.rate(o); rate.Given() {
		in.Rate = rate
	}
	if metadata := c.metadata(o); metadata.Given() {
		in.Metadata = metadata
	}
	return in
}

// newApp creates an application. It fails with Conflict when the uid is taken.
func (c *call) newApp(in control.ProjectPatch) (*hookyard.Project, error) {
	p, err := c.a.o.Control.Project(c.ctx(), c.id, c.owner, hookyard.NewID("app"), control.Own)
	if err != nil {
		return nil, err
	}
	created, _, err := p.Put(c.ctx(), in)
	if errors.Is(err, hookyard.ErrConflict) {
		return nil, uidTaken("application")
	}
	return created, err
}

func uidTaken(of string) error {
	return refuse(http.StatusConflict, "conflict", "Another "+of+" has this uid")
}

func createApp(c *call) (int, any, error) {
	o, err := c.object(false)
	if err != nil {
		return 0, nil, err
	}
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	reuse, err := queryBool(q, "get_if_exists", false)
	if err != nil {
		return 0, nil, err
	}
	in := c.application(o, true)
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	p, created, err := c.makeApp(in, reuse)
	if err != nil {
		return 0, nil, err
	}
	if !created {
		return http.StatusOK, applicationOf(p), nil
	}
	return http.StatusCreated, applicationOf(p), nil
}

// makeApp creates an application or, if one that has the uid is to be reused, returns that.
func (c *call) makeApp(in control.ProjectPatch, reuse bool) (p *hookyard.Project, created bool, err error) {
	uid, _ := in.UID.Get()
	if !reuse || uid == "" {
		p, err = c.newApp(in)
		return p, err == nil, err
	}
	if there, err := c.byUID(uid); err != nil || there != nil {
		return there, false, err
	}
	p, err = c.newApp(in)
	if isRefused(err, http.StatusConflict) { // another request was first
		if there, err := c.byUID(uid); err != nil || there != nil {
			return there, false, err
		}
	}
	return p, err == nil, err
}

// byUID returns the application with a uid, nil if there is none.
func (c *call) byUID(uid string) (*hookyard.Project, error) {
	p, err := c.appOf(uid, control.Read)
	if isRefused(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil || p.Snapshot.Project.UID != uid {
		return nil, err
	}
	return p.Snapshot.Project, nil
}

func showApp(c *call) (int, any, error) {
	p, err := c.app(control.Read)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, applicationOf(p.Snapshot.Project), nil
}

// putApp replaces an application, or creates one: its uid is then that of the body or, if that has none, the path's.
func putApp(c *call) (int, any, error) {
	o, err := c.object(false)
	if err != nil {
		return 0, nil, err
	}
	in := c.application(o, true)
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	p, err := c.app(control.Admin)
	if isRefused(err, http.StatusNotFound) {
		if uid, _ := in.UID.Get(); uid == "" {
			in.UID = newUID(c.param("app"), "app_")
		}
		created, err := c.newApp(in)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusCreated, applicationOf(created), nil
	}
	if err != nil {
		return 0, nil, err
	}
	if _, named := o["uid"]; !named && c.param("app") == p.Snapshot.Project.UID {
		in.UID = control.Value(c.param("app")) // else the same request would create another one the next time
	}
	return c.updateApp(p, in)
}

// newUID is the uid of what is created under a name of the path that is none yet.
func newUID(name, idPrefix string) control.Optional[string] {
	if strings.HasPrefix(name, idPrefix) || hookyard.CheckUID(name) != nil {
		return control.Null[string]()
	}
	return control.Value(name)
}

func (c *call) updateApp(p *control.Project, in control.ProjectPatch) (int, any, error) {
	updated, err := p.Update(c.ctx(), in)
	if errors.Is(err, hookyard.ErrConflict) {
		return 0, nil, uidTaken("application")
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, applicationOf(updated), nil
}

func patchApp(c *call) (int, any, error) {
	p, o, err := c.appAndBody(control.Admin)
	if err != nil {
		return 0, nil, err
	}
	in := c.application(o, false)
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	return c.updateApp(p, in)
}

func deleteApp(c *call) (int, any, error) {
	p, err := c.app(control.Admin)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, p.Remove(c.ctx(), 0)
}
