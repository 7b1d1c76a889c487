package gitpush

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Settings connect a repository with a project. They are stored in section hookyard of the repository's Git
// configuration, and the token in a file that only its owner can read.
type Settings struct {
	Server      string // hookyard.server: URL of the server
	Project     string // hookyard.project: owner/name
	URL         string // hookyard.url: URL of the repository, for links; "" means the page of the project on the server
	ModelEvents string // hookyard.modelEvents: [ModelAsk] (default), [ModelAlways], [ModelNever]
	Token       string // HOOKYARD_TOKEN, or else the file hookyard-token

	Program string // only for [Install]: path of the program hookyard for the hook
	Append  bool   // only for [Install]: keep an existing hook and run it first
}

// The values of Settings.ModelEvents.
const (
	ModelAsk    = "ask" // as the project is configured on the server
	ModelAlways = "always"
	ModelNever  = "never"
)

const tokenName = "hookyard-token"

// mark identifies hooks that Install wrote.
const mark = "# Written by hookyard git install."

// keptHook is the new name of an existing hook. It stays in the same directory, where it finds the files beside it.
const keptHook = "post-receive.before-hookyard"

// load reads the settings and the configuration of a repository.
func load(ctx context.Context, e Env) (Settings, map[string]string, error) {
	config, err := newGit(e.Dir, e.Environ).readConfig(ctx)
	if err != nil {
		return Settings{}, nil, err
	}
	s := Settings{Server: config["hookyard.server"], Project: config["hookyard.project"], URL: config["hookyard.url"],
		ModelEvents: config["hookyard.modelevents"]}
	if err := s.complete(); err != nil {
		return s, nil, err
	}
	if s.Token = strings.TrimSpace(getenv(e.Environ, "HOOKYARD_TOKEN")); s.Token != "" {
		return s, config, nil
	}
	b, err := readSome(filepath.Join(e.Dir, tokenName), 10_000)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the server may not need one
		return s, nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	s.Token = strings.TrimSpace(string(b))
	return s, config, nil
}

// complete checks the settings and sets defaults.
func (s *Settings) complete() error {
	owner, name, ok := strings.Cut(s.Project, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("the project must be owner/name, not %q (setting: git config hookyard.project)", s.Project)
	}
	u, err := url.Parse(s.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New(
			"the server must be an http:// or https:// URL without a password (setting: git config hookyard.server)")
	}
	s.Server = strings.TrimRight(s.Server, "/")
	if s.URL = strings.TrimRight(s.URL, "/"); s.URL == "" {
		s.URL = s.Server + "/" + s.Project
	}
	switch s.ModelEvents {
	case "":
		s.ModelEvents = ModelAsk
	case ModelAsk, ModelAlways, ModelNever:
	default:
		return fmt.Errorf("hookyard.modelEvents must be %s, %s or %s, not %q", ModelAsk, ModelAlways, ModelNever,
			s.ModelEvents)
	}
	return nil
}

// Install installs the hook in a repository and stores the settings and the token. Call it again to change settings. It
// fails if there is another hook, unless s.Append is set. It returns the path of the hook.
func Install(ctx context.Context, e Env, s Settings) (string, error) {
	given := s // without defaults, to be stored
	if err := s.complete(); err != nil {
		return "", err
	}
	var err error
	if e.Dir, err = gitDir(ctx, e); err != nil {
		return "", err
	}
	g := newGit(e.Dir, e.Environ)
	config, err := g.readConfig(ctx)
	if err != nil {
		return "", err
	}
	if path := config["core.hookspath"]; path != "" {
		return "", fmt.Errorf("core.hooksPath is %s, so the repository's own hooks are not run: call "+
			"\"hookyard git post-receive\" from the hook there, or unset it", path)
	}
	hook := filepath.Join(e.Dir, "hooks", "post-receive")
	if err := writeHook(hook, s); err != nil {
		return "", err
	}
	for _, c := range [][2]string{{"server", s.Server}, {"project", s.Project}, {"url", given.URL},
		{"modelEvents", given.ModelEvents}} {
		if c[1] == "" {
			continue
		}
		if _, err := g.run(ctx, nil, "config", "hookyard."+c[0], c[1]); err != nil {
			return "", err
		}
	}
	if s.Token == "" {
		return hook, nil
	}
	return hook, writeToken(filepath.Join(e.Dir, tokenName), s.Token, isShared(config))
}

// writeToken stores the token, readable by its owner, and in a shared repository also by the group, whose members push.
func writeToken(path, token string, shared bool) error {
	mode := fs.FileMode(0o600)
	if shared {
		mode = 0o640
	}
	part := path + ".part"
	if err := (spool{entries: mode}).write(part, []byte(token+"\n")); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}

// writeHook writes the hook and renames an existing one.
func writeHook(path string, s Settings) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	before := filepath.Join(filepath.Dir(path), keptHook)
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case strings.Contains(string(old), mark): // ours
	case !s.Append:
		return fmt.Errorf("%s exists: with --append it is kept as %s and run first, or call "+
			"\"hookyard git post-receive\" from it", path, keptHook)
	default:
		if _, err := os.Lstat(before); err == nil {
			return fmt.Errorf("%s and %s exist: merge them first", path, keptHook)
		}
		if err := os.Rename(path, before); err != nil {
			return err
		}
	}
	_, err = os.Lstat(before)
	part := path + ".part"
	if err := (spool{entries: 0o755}).write(part, []byte(script(s.Program, err == nil))); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}

// script returns the text of the hook, which runs keptHook first if chain is set.
func script(program string, chain bool) string {
	const head = "#!/bin/sh\n" + mark + "\n# It publishes every push to hookyard and never makes one fail.\n"
	run := "'" + strings.ReplaceAll(program, "'", `'\''`) + "' git post-receive"
	if !chain {
		return head + "exec " + run + "\n"
	}
	return head + `pushed=$(cat)
printf '%s\n' "$pushed" | "$(dirname "$0")/` + keptHook + `" "$@"
printf '%s\n' "$pushed" | ` + run + "\n"
}

func getenv(environ []string, name string) string {
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

func without(environ []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return strings.HasPrefix(v, name+"=") })
}
