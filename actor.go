package hookyard

import "context"

type actorKey struct{}

// WithActor returns a context that carries the name of the user who makes a change. The store writes it to the audit
// log.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

// Actor returns the name set by [WithActor], or "hookyard" if there is none.
func Actor(ctx context.Context) string {
	if name, ok := ctx.Value(actorKey{}).(string); ok && name != "" {
		return name
	}
	return "hookyard"
}
