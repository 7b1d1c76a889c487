package gitpush

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallKeepsAHook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hook := filepath.Join(w.bare, "hooks", "post-receive")
	old := "#!/bin/sh\ncat > \"$(dirname \"$0\")/lines\"\necho the old one\nexit 1\n"
	if err := os.WriteFile(hook, []byte(old), 0o755); err != nil {
		t.Fatal(err)
	}
	s := Settings{Server: w.yard.URL, Project: "alice/paint", URL: "https://git.example/alice/paint", Token: testToken,
		Program: program(t)}
	if _, err := Install(context.Background(), w.env(w.bare), s); err == nil ||
		!strings.Contains(err.Error(), "--append") {
		t.Fatalf("installed over a hook: %v", err)
	}
	if b, err := os.ReadFile(hook); err != nil || string(b) != old {
		t.Fatalf("the hook changed: %s, %v", b, err)
	}
	s.Append = true
	for range 2 { // the second call does not add a hook
		if _, err := Install(context.Background(), w.env(w.bare), s); err != nil {
			t.Fatal(err)
		}
	}
	w.commit("a", "one")
	if said := w.git("push", "origin", "main"); strings.Count(said, "the old one") != 1 {
		t.Errorf("the old hook did not run: %s", said)
	}
	if got := refsOf(t, w.yard.take()); got != "main" {
		t.Errorf("came: %s", got)
	}
	lines, err := os.ReadFile(filepath.Join(w.bare, "hooks", "lines"))
	if err != nil || !strings.HasSuffix(string(lines), " refs/heads/main\n") {
		t.Errorf("the old hook read %q, %v", lines, err)
	}
}

func TestInstallToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mode := func(name string) os.FileMode {
		info, err := os.Stat(filepath.Join(w.bare, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if got := mode(tokenName); got != 0o600 {
		t.Errorf("the token's file is %o", got)
	}
	w.commit("a", "one")
	w.push("main")
	if got := mode(spoolName); got != 0o700 {
		t.Errorf("the spool is %o", got)
	}
	if err := os.RemoveAll(filepath.Join(w.bare, spoolName)); err != nil {
		t.Fatal(err)
	}
	w.run(w.bare, "config", "core.sharedRepository", "group")
	w.install(Settings{Token: testToken})
	w.push("main:b")
	if token, spool := mode(tokenName), mode(spoolName); token != 0o640 || spool != 0o770 {
		t.Errorf("in a shared repository the token's file is %o, the spool %o", token, spool)
	}
	w.install(Settings{Token: "wrong"})
	w.environ = append(w.environ, "HOOKYARD_TOKEN="+testToken)
	w.push("main:c") // the environment has precedence
}

func TestInstallRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := Settings{Server: w.yard.URL, Project: "alice/paint", Program: "/x"}
	for _, c := range []struct {
		name, says string
		dir        string
		change     func(*Settings)
	}{
		{"project", "owner/name", w.bare, func(s *Settings) { s.Project = "paint" }},
		{"server", "http://", w.bare, func(s *Settings) { s.Server = "ftp://x" }},
		{"password", "without a password", w.bare, func(s *Settings) { s.Server = "http://u:p@x" }},
		{"model", "ask, always or never", w.bare, func(s *Settings) { s.ModelEvents = "maybe" }},
		{"folder", "is not a Git repository", t.TempDir(), func(*Settings) {}},
	} {
		s := good
		c.change(&s)
		if _, err := Install(context.Background(), w.env(c.dir), s); err == nil ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	w.run(w.bare, "config", "core.hooksPath", "/elsewhere")
	if _, err := Install(context.Background(), w.env(w.bare), good); err == nil ||
		!strings.Contains(err.Error(), "/elsewhere") {
		t.Errorf("core.hooksPath: %v", err)
	}
}

// TestWorkTree installs from a directory in a work tree.
func TestWorkTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := filepath.Join(w.work, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	hook, err := Install(context.Background(), w.env(sub),
		Settings{Server: w.yard.URL, Project: "alice/paint", Program: program(t), Token: testToken})
	if err != nil || hook != filepath.Join(w.work, ".git", "hooks", "post-receive") {
		t.Fatalf("%s, %v", hook, err)
	}
	w.commit("a", "one")
	w.run(w.bare, "fetch", "-q", w.work, "main:main")
	w.run(w.bare, "push", "-q", w.work, "main:other")
	if got := refsOf(t, w.yard.take()); got != "other" {
		t.Errorf("came: %s", got)
	}
}

func TestPusher(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		want    Person
	}{
		{[]string{"GL_USER=gl", "REMOTE_USER=http", "USER=git"}, Person{Name: "gl"}},
		{[]string{"REMOTE_USER=http", "USER=git"}, Person{Name: "http"}},
		{[]string{"USER=bob"}, Person{Name: "bob"}},
		{[]string{"HOOKYARD_PUSHER=Ann B. <ann@example.org>", "GL_USER=gl"}, Person{"Ann B.", "ann@example.org"}},
		{[]string{"HOOKYARD_PUSHER=ann", "GL_USER=gl"}, Person{Name: "ann"}},
		{[]string{"USER=\xff"}, Person{Name: "\uFFFD"}},
		{nil, Person{"Conf", "conf@example.org"}},
	} {
		r := reader{o: Options{Environ: c.environ},
			config: map[string]string{"user.name": "Conf", "user.email": "conf@example.org"}}
		if got := r.pusher(); got != c.want {
			t.Errorf("%v: %+v", c.environ, got)
		}
	}
}
