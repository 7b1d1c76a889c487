package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/format"
)

// names asks the server for the valid values of an argument.
type names func(ctx context.Context, cl *client.Client, project string) ([]string, error)

func hookNames(ctx context.Context, cl *client.Client, project string) ([]string, error) {
	all, err := cl.Hooks(ctx, project)
	return slices.Sorted(maps.Keys(all)), err
}

func sourceNames(ctx context.Context, cl *client.Client, project string) ([]string, error) {
	all, err := cl.Sources(ctx, project)
	out := make([]string, len(all))
	for i, src := range all {
		out[i] = src.Name
	}
	return out, err
}

func projectNames(ctx context.Context, cl *client.Client, _ string) ([]string, error) {
	page, err := cl.Projects(ctx, client.Page{Limit: 200})
	out := make([]string, len(page.Projects))
	for i := range page.Projects {
		out[i] = page.Projects[i].Path()
	}
	return out, err
}

// suggest returns a completion that calls list. It gives up after two seconds, so that the shell does not hang.
func (s *session) suggest(list names) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if s.complete() != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		cl, err := s.clientWithin(2 * time.Second)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		out, err := list(c.Context(), cl, s.project)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completions sets the completions of every command: those of its flags, and those of the arguments named in its Use.
func (s *session) completions(root *cobra.Command) {
	fixed := func(words ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	hooks := s.suggest(hookNames)
	sources := s.suggest(sourceNames)
	projects := s.suggest(projectNames)
	flags := map[string]cobra.CompletionFunc{
		"hook": hooks, "source": sources, "only": projects, "format": fixed(format.Names()...),
		"scope": fixed(string(hookyard.ScopePublish), string(hookyard.ScopeRead), string(hookyard.ScopeManage)),
		"state": fixed(string(hookyard.Pending), string(hookyard.Delivered), string(hookyard.Failed),
			string(hookyard.Skipped), string(hookyard.Canceled)),
	}
	arguments := map[string]cobra.CompletionFunc{"HOOKID": hooks, "SOURCE": sources, "PROJECT": projects}
	_ = root.RegisterFlagCompletionFunc("project", projects) // fails only for an undefined flag
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for name, f := range flags {
			if c.LocalNonPersistentFlags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, f)
			}
		}
		if words := strings.Fields(c.Use)[1:]; len(words) > 0 && c.Name() != "add" && c.ValidArgsFunction == nil {
			c.ValidArgsFunction = s.arguments(words, arguments)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// arguments completes an argument by its name in the Use line. The project may be the first argument or --project; the
// other names are looked up in it.
func (s *session) arguments(words []string, by map[string]cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		words := words
		if words[0] == "[PROJECT]" && len(words) > 1 {
			switch {
			case s.complete() == nil && s.project != "":
				words = words[1:]
			case len(args) > 0 && isPath(args[0]):
				s.project = args[0]
			}
		}
		if len(args) >= len(words) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		f := by[strings.Trim(words[len(args)], "[]")]
		if f == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return f(c, args, typed)
	}
}
