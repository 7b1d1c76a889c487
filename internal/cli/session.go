package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// session is one run of the command line: its streams and the global flags.
type session struct {
	env      func(string) (string, bool)
	in       io.Reader
	out, err io.Writer

	server  string
	token   string
	project string
	color   string
	asJSON  bool
	quiet   bool
	timeout time.Duration
	given   *pflag.FlagSet // declares the flags above
}

// defaultServer is where hookyard serve listens by default.
const defaultServer = "http://127.0.0.1:8080"

func (s *session) flags(fs *pflag.FlagSet) {
	s.given = fs
	fs.StringVar(&s.server, "server", defaultServer, "URL of the server (HOOKYARD_SERVER)")
	fs.StringVar(&s.token, "token", "", "token to sign in with (HOOKYARD_TOKEN, ~/.config/hookyard/token)")
	fs.StringVarP(&s.project, "project", "p", "", "project, as owner/name (HOOKYARD_PROJECT)")
	fs.BoolVar(&s.asJSON, "json", s.asJSON, "print JSON only, for errors too")
	fs.BoolVarP(&s.quiet, "quiet", "q", false, "print only ids in lists, and no messages")
	fs.StringVar(&s.color, "color", "auto", "colours: auto, always or never (NO_COLOR)")
	s.timeout = 30 * time.Second
	fs.Var((*hookyard.Duration)(&s.timeout), "timeout", "time limit for each response of the server")
}

// wantsJSON looks for --json in args. An error about flags must be printed in the right format although the flags could
// not be parsed.
func wantsJSON(args []string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if a == "--json" || a == "--json=true" {
			return true
		}
	}
	return false
}

// complete takes the global flags that were not given from the environment and checks them.
func (s *session) complete() error {
	for name, value := range map[string]*string{"server": &s.server, "token": &s.token, "project": &s.project} {
		if v, ok := s.env("HOOKYARD_" + strings.ToUpper(name)); ok && v != "" && !s.given.Changed(name) {
			*value = v
		}
	}
	switch s.color {
	case "auto", "always", "never":
	default:
		return usagef("--color %q: use auto, always or never", s.color)
	}
	if s.timeout <= 0 {
		return usagef("--timeout must be more than 0")
	}
	if s.project != "" && !isPath(s.project) {
		return usagef("project %q: use owner/name", s.project)
	}
	return nil
}

func isPath(project string) bool {
	owner, name, ok := strings.Cut(project, "/")
	return ok && owner != "" && name != "" && !strings.Contains(name, "/")
}

// needProject returns the project that the command acts on.
func (s *session) needProject() (string, error) {
	if s.project == "" {
		return "", usagef("no project: set --project owner/name or HOOKYARD_PROJECT")
	}
	return s.project, nil
}

// client returns a client of the server. Each request is bounded by --timeout.
func (s *session) client() (*client.Client, error) {
	return s.clientWithin(s.timeout)
}

// clientWithin is like client with another time limit for each request; 0 means none.
func (s *session) clientWithin(timeout time.Duration) (*client.Client, error) {
	return s.connect(&http.Client{Timeout: timeout})
}

func (s *session) connect(by *http.Client) (*client.Client, error) {
	token := s.findToken()
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, usagef("the token has a character that no token has: copy it again to where it is from, --token, "+
			"HOOKYARD_TOKEN or %s", s.tokenFile())
	}
	c, err := client.New(s.server, token, client.WithHTTPClient(by),
		client.WithUserAgent("hookyard-cli/"+readBuild().Version), client.WithRetries(0))
	if err != nil {
		return nil, usagef("--server: %v", err)
	}
	return c, nil
}

// clientAndProject returns a client and the project that the command acts on.
func (s *session) clientAndProject() (*client.Client, string, error) {
	project, err := s.needProject()
	if err != nil {
		return nil, "", err
	}
	c, err := s.client()
	return c, project, err
}

// findToken returns the token to sign in with: the one given, the one in the user's file, or, for a server on this
// machine, the one that its first start wrote to the data directory. It returns "" if there is none.
func (s *session) findToken() string {
	if token := strings.TrimSpace(s.token); token != "" { // from a file it often ends in a line break
		return token
	}
	if b, err := os.ReadFile(s.tokenFile()); err == nil {
		return strings.TrimSpace(string(b))
	}
	if !isLoopback(s.server) {
		return ""
	}
	data := "hookyard-data"
	if v, ok := s.env("HOOKYARD_DATA"); ok && v != "" {
		data = v
	}
	b, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// tokenFile returns the path of the user's token file.
func (s *session) tokenFile() string {
	if v, ok := s.env("XDG_CONFIG_HOME"); ok && v != "" {
		return filepath.Join(v, "hookyard", "token")
	}
	home, _ := s.env("HOME")
	return filepath.Join(home, ".config", "hookyard", "token")
}

func isLoopback(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// confirm asks the user before data is lost. Without a terminal it requires --yes.
func (s *session) confirm(yes bool, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if yes {
		return nil
	}
	if !isTerminal(s.in) {
		return usagef("%s: set --yes to confirm", what)
	}
	_, _ = fmt.Fprintf(s.err, "%s? [y/N] ", what)
	line, _ := bufio.NewReader(s.in).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(line)); a == "y" || a == "yes" {
		return nil
	}
	return failf(exitFailed, "nothing was changed")
}

func addYes(fs *pflag.FlagSet, yes *bool) {
	fs.BoolVarP(yes, "yes", "y", false, "do not ask for confirmation")
}

// isTerminal reports whether v, a reader or writer, is a terminal.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
