package cli

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newApply(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make projects, members, hooks and sources as YAML files say",
		Long: `Make projects, members, hooks and sources as YAML files say. What a file does not name
stays as it is; hookyard export prints a file to begin with. The command prints what it
changes. If everything is as the files say, it changes nothing.

With --prune, what a file's hooks, sources and members do not list is deleted from its
projects. Projects are never deleted.

A secret is written as {env: NAME} or {file: PATH}. The server does not show secrets, so
one that it has is sent again only with --set-secrets, or if the hook's URL changes.`,
		Example: `  hookyard export acme/shop > shop.yaml
  hookyard diff -f shop.yaml
  hookyard apply -f shop.yaml --prune`,
	}
	p := &planner{session: s}
	var files []string
	var yes, dryRun bool
	p.flags(c.Flags(), &files)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print what would change, and change nothing")
	addYes(c.Flags(), &yes)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := p.compare(c.Context(), files); err != nil {
			return err
		}
		if dryRun {
			return p.print()
		}
		deletes := func(c change) bool { return c.Action == "delete" }
		if n := len(slices.DeleteFunc(slices.Clone(p.plan), func(c change) bool { return !deletes(c) })); n > 0 {
			if err := s.confirm(yes, "delete %s (--dry-run shows them)", hookyard.Count(n, "thing")); err != nil {
				return err
			}
		}
		for i := range p.plan {
			if err := p.plan[i].do(c.Context()); err != nil {
				s.say("failed: %s; %s before it are made", p.plan[i].String(), hookyard.Count(i, "change"))
				return err
			}
		}
		return p.print()
	}
	return takes(c, 0, 0)
}

func newDiff(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff -f FILE",
		Short: "Print what apply would change",
		Long: `Print what apply would change. The exit code is 1 if that is anything, as that of
diff(1).`,
		Example: "  hookyard diff -f shop.yaml",
	}
	p := &planner{session: s}
	var files []string
	p.flags(c.Flags(), &files)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := p.compare(c.Context(), files); err != nil {
			return err
		}
		if err := p.print(); err != nil || len(p.plan) == 0 {
			return err
		}
		return failf(exitFailed, "the server is not as the files say: %s due", hookyard.Count(len(p.plan), "change"))
	}
	return takes(c, 0, 0)
}

func (p *planner) flags(fs *pflag.FlagSet, files *[]string) {
	fs.StringArrayVarP(files, "file", "f", nil, "YAML file, a folder of them, or - for stdin; may be repeated")
	fs.BoolVar(&p.prune, "prune", false, "delete what the files do not list of their projects")
	fs.BoolVar(&p.setSecrets, "set-secrets", false, "send secrets again that the server has")
}

// compare makes the plan.
func (p *planner) compare(ctx context.Context, files []string) (err error) {
	if len(files) == 0 {
		return usagef("no file: set -f FILE")
	}
	m, err := p.readManifest(files)
	if err != nil {
		return err
	}
	if p.client, err = p.session.client(); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(m)) {
		if err := p.project(ctx, path, m[path]); err != nil {
			return err
		}
	}
	return nil
}

// print prints the plan.
func (p *planner) print() error {
	if p.asJSON {
		return p.json(append([]change{}, p.plan...))
	}
	for i := range p.plan {
		c := &p.plan[i]
		color := map[string]string{"create": green, "add": green, "change": yellow, "delete": red}[c.Action]
		if err := p.println("%s", p.paint(color, c.String())); err != nil {
			return err
		}
		for _, f := range c.Fields {
			line := text(f.New)
			if f.Old != nil {
				line = text(f.Old) + " → " + line
			}
			if err := p.println("    %s: %s", f.Name, line); err != nil {
				return err
			}
		}
	}
	if len(p.plan) == 0 {
		p.say("nothing to change")
	}
	return nil
}

func newExport(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "export [PROJECT...]",
		Short: "Print projects with members, hooks and sources as YAML for apply",
		Long: `Print projects with their members, hooks and sources as YAML for apply, all that you may
read unless some are named. Settings at their default are left out. Instead of secrets
there are names of variables.`,
		Example: "  hookyard export acme/shop > shop.yaml",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		if len(args) == 0 && s.project != "" {
			args = []string{s.project}
		}
		if len(args) == 0 {
			if args, err = allProjects(c.Context(), cl); err != nil {
				return err
			}
		}
		projects := map[string]settings{}
		for _, path := range args {
			if projects[path], err = exportProject(c.Context(), cl, path); err != nil {
				return err
			}
		}
		if s.asJSON {
			return s.json(map[string]any{"projects": projects})
		}
		e := yaml.NewEncoder(s.out)
		e.SetIndent(2)
		if err := e.Encode(map[string]any{"projects": projects}); err != nil {
			return err
		}
		return e.Close()
	}
	return takes(c, 0, 1000)
}

func allProjects(ctx context.Context, cl *client.Client) (paths []string, err error) {
	for cursor := ""; ; {
		page, err := cl.Projects(ctx, client.Page{Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, p := range page.Projects {
			paths = append(paths, p.Path())
		}
		if cursor = page.Cursor; cursor == "" {
			return paths, nil
		}
	}
}

// exportProject returns a project as apply reads it.
func exportProject(ctx context.Context, cl *client.Client, path string) (settings, error) {
	p, err := cl.Project(ctx, path)
	if err != nil {
		return nil, err
	}
	out := exported(asSettings(p), projectDefaults(p.Preset), reflect.TypeFor[client.ProjectPatch](), path)
	members, err := cl.Members(ctx, path)
	if err != nil {
		return nil, err
	}
	roles := map[string]string{}
	for _, m := range members {
		roles[m.User] = string(m.Role)
	}
	hooks, err := ownHooks(ctx, cl, path)
	if err != nil {
		return nil, err
	}
	hookSettings := map[string]settings{}
	for id, h := range hooks {
		fields := asSettings(h)
		if h.OffReason != "" { // that is not set by anyone
			delete(fields, "active")
		}
		if slices.Contains(chatFormats, h.Format) {
			fields["url"] = hookyard.Masked // its path is a credential
		}
		hookSettings[id] = exported(fields, hookDefaults(&p, h.Format), reflect.TypeFor[client.HookPatch](), path, id)
	}
	sources, err := cl.Sources(ctx, path)
	if err != nil {
		return nil, err
	}
	sourceSettings := map[string]settings{}
	for _, source := range sources {
		fields := asSettings(source)
		if len(source.Secrets) == 1 {
			fields["secret"] = source.Secrets[0]
			delete(fields, "secrets")
		}
		sourceSettings[source.Name] = exported(fields, sourceDefaults(), reflect.TypeFor[client.SourcePatch](), path,
			source.Name)
	}
	out["members"], out["hooks"] = roles, hookSettings
	out["sources"] = sourceSettings
	return out, nil
}

// exported returns the settings of a patch that are not at their default, with references for what is hidden. place
// makes the names of their variables.
func exported(in, defaults settings, patch reflect.Type, place ...string) settings {
	out := settings{}
	for _, name := range patchFields(patch) {
		value, ok := in[name]
		_, hasDefault := defaults[name]
		switch {
		case !ok, equal(value, defaults[name]), isZero(value) && !hasDefault:
		default:
			out[name] = refer(value, append(slices.Clone(place), name))
		}
	}
	return out
}

// chatFormats are formats for receivers that give out URLs with a credential in the path.
var chatFormats = []string{"discord", "googlechat", "slack", "teams"}

// isCredential reports whether a setting has a value that does not belong in a file: the server shows *** for it, or it
// is a token or a URL with one in its query.
func isCredential(name, value string) bool {
	return strings.Contains(value, hookyard.Masked) || name == "verifyToken" && value != "" ||
		name == "url" && hookyard.MaskCredentials(value) != value
}

// refer replaces credentials by references to variables.
func refer(v any, place []string) any {
	switch v := v.(type) {
	case string:
		if isCredential(place[len(place)-1], v) {
			return map[string]string{"env": variable(place)}
		}
	case map[string]any:
		for name, value := range v {
			v[name] = refer(value, append(slices.Clone(place), name))
		}
	case []any:
		for i, value := range v {
			at := place
			if i > 0 {
				at = append(slices.Clone(place), text(i+1))
			}
			v[i] = refer(value, at)
		}
	}
	return v
}

// variable returns a name for a variable.
func variable(place []string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(strings.Join(place, "_")))
}
