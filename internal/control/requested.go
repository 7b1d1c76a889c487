package control

import (
	"context"

	"github.com/hookyard/hookyard"
)

// CreateRequestedHook creates the hook of a URL that a message of source s names. There is no caller: the project's
// setting allowRequests says that its messages may, and the audit log names the source. The hook wants no events of
// its own. It fails with Forbidden if the project does not allow it, with Conflict if there is a hook of that id, and
// with Invalid if the URL cannot be sent to.
func (c *Control) CreateRequestedHook(ctx context.Context, s *hookyard.Source, id, url string) error {
	snapshot, err := c.store.SnapshotByKey(ctx, s.ProjectKey)
	if err != nil {
		return err
	}
	if !snapshot.Project.AllowRequests {
		return hookyard.Errorf(hookyard.Forbidden, "messages must not name webhooks (setting of the project: "+
			"allowRequests)")
	}
	p := &Project{Snapshot: snapshot, c: c}
	h := &hookyard.Hook{ID: id, URL: url, Active: true, Description: "named by messages of source " + s.Name}
	return p.createHook(hookyard.WithActor(ctx, "source "+s.Name), h)
}
