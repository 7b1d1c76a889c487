package hookyard

import "context"

type actorKey struct{}

// WithActor returns a context that names who makes a change; the store enters it into the audit log.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

// Actor returns who makes a change, "hookyard" when nobody was named.
func Actor(ctx context.Context) string {
	if name, ok := ctx.Value(actorKey{}).(string); ok && name != "" {
		return name
	}
	return "hookyard"
}
