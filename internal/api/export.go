package api

import (
	"context"
	"encoding/json"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// Export returns a project's settings, hooks, sources and members as one JSON object. Each member of the object is what
// its own route answers.
func (a *API) Export(ctx context.Context, p *control.Project) ([]byte, error) {
	hooks, err := p.Hooks(ctx)
	if err != nil {
		return nil, err
	}
	sources, err := p.Sources()
	if err != nil {
		return nil, err
	}
	members, err := p.Members(ctx)
	if err != nil {
		return nil, err
	}
	out := struct {
		Hooks   map[string]client.Hook `json:"hooks"`
		Members client.Members         `json:"members"`
		Project client.Project         `json:"project"`
		Sources client.Sources         `json:"sources"`
	}{
		Hooks:   hooksJSON(p.Snapshot.Project, hooks),
		Members: client.Members{Members: append([]hookyard.Member{}, members...)},
		Project: projectJSON(p.Snapshot.Project),
		Sources: client.Sources{Sources: []client.Source{}},
	}
	for _, s := range sources {
		out.Sources.Sources = append(out.Sources.Sources, a.sourceJSON(p.Snapshot.Project, s))
	}
	return json.MarshalIndent(out, "", "  ")
}
