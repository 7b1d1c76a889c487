// Package app puts the parts together: configuration, wiring, the HTTP server, and their life from start to stop.
package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/acme"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/stream"
)

// Config is everything that can be set. Each option is declared once, in [Config.Flags]: its flag, its environment
// variable HOOKYARD_…, its key in the configuration file, its default and its line of help come from there.
type Config struct {
	File                string // that options are read from, or ""
	Listen              string
	Data                string
	Database            string
	DatabaseDirect      string
	DatabaseConnections int
	BaseURL             string
	Dev                 bool
	AllowTargets        []string
	Proxy               string
	TrustProxies        []string
	SecretKeyFile       string
	AuditProject        string // owner/name, or ""
	NodeName            string
	Role                string
	Guests              bool
	LogLevel            string
	LogFormat           string
	OTLPEndpoint        string
	DefaultHooks        string

	Metrics       bool
	MetricsListen string
	MetricsToken  string
	MetricsLabels string
	MetricsSeries int

	TLSCert, TLSKey string
	ACME            []string
	ACMEEmail       string
	ACMEDirectory   string
	RedirectHTTP    string

	RequireFactor    string
	OIDCIssuer       string
	OIDCClientID     string
	OIDCClientSecret string
	OIDCAllow        []string
	OIDCAdmins       []string
	OIDCGroupsClaim  string

	Retention      time.Duration
	RetentionBytes int64
	DedupWindow    time.Duration
	Poll           time.Duration
	Grace          time.Duration
	Drain          time.Duration
	ReadTimeout    time.Duration

	Listeners           int
	ListenersPerAddress int
	Bins                int
	BinsPerAddress      int
	BinBody             int

	Limits       hookyard.Limits
	ProjectLimit quotaValue // of projects and owners for which none are set
	OwnerLimit   quotaValue

	proxies []netip.Prefix // TrustProxies, read by Complete
}

// DefaultConfig returns the configuration as shipped.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080", Data: "hookyard-data", Proxy: "", LogLevel: "info", LogFormat: "text", Metrics: true,
		DatabaseConnections: store.DefaultConnections,
		MetricsLabels:       labelsNone, MetricsSeries: 1000,
		Retention: 30 * 24 * time.Hour, RetentionBytes: 20 << 30, DedupWindow: 90 * 24 * time.Hour,
		ACMEDirectory: acme.LetsEncryptURL, OIDCGroupsClaim: "groups",
		RequireFactor: string(hookyard.FactorOptional), Role: roleAll,
		Poll: 5 * time.Second, Grace: 10 * time.Second, ReadTimeout: time.Minute,
		Listeners: stream.DefaultTotal, ListenersPerAddress: stream.DefaultPerAddress,
		Bins: 2000, BinsPerAddress: 50, BinBody: 64 << 10, Limits: hookyard.DefaultLimits(),
	}
}

// Flags declares every option on fs, with the values in c as defaults.
func (c *Config) Flags(fs *pflag.FlagSet) {
	fs.StringVar(&c.File, "config", c.File,
		"YAML file with options; flags and variables take precedence; hookyard config init prints one (default none)")
	fs.StringVar(&c.Listen, "listen", c.Listen, "address to serve on")
	fs.StringVar(&c.Data, "data", c.Data, "directory for the database, the secret key and the first admin's token")
	fs.StringVar(&c.Database, "database", c.Database, "SQLite file or postgres:// URL (default DATA/hookyard.db)")
	fs.StringVar(&c.DatabaseDirect, "database-direct", c.DatabaseDirect,
		"postgres:// URL of the same database past a pooler, for the one connection that listens (default --database)")
	fs.Var(count(&c.DatabaseConnections, store.MinConnections, 0), "database-connections",
		"connections of this node to PostgreSQL at most")
	fs.StringVar(&c.BaseURL, "base-url", c.BaseURL,
		"URL under which senders and people reach this server (default http://LISTEN)")
	fs.StringVar(&c.TLSCert, "tls-cert", c.TLSCert,
		"file with the server's certificate chain in PEM, read again when it changes (default no TLS)")
	fs.StringVar(&c.TLSKey, "tls-key", c.TLSKey, "file with the key of --tls-cert")
	fs.StringSliceVar(&c.ACME, "acme", c.ACME,
		"host names to get certificates for by ACME, from Let's Encrypt; it accepts their terms of service")
	fs.StringVar(&c.ACMEEmail, "acme-email", c.ACMEEmail, "address that the ACME provider may write to")
	fs.StringVar(&c.ACMEDirectory, "acme-directory", c.ACMEDirectory, "directory URL of the ACME provider")
	fs.StringVar(&c.RedirectHTTP, "redirect-http", c.RedirectHTTP,
		"address, such as :80, on which plain HTTP is redirected to HTTPS (default off)")
	fs.BoolVar(&c.Dev, "dev", c.Dev,
		"for trials: no sign-in, loopback only, loopback targets allowed, projects appear on first use")
	fs.StringSliceVar(&c.AllowTargets, "allow-target", c.AllowTargets,
		"CIDR, IP address, host name or *.suffix to which hooks may send although it is private")
	fs.StringVar(&c.Proxy, "proxy", c.Proxy, "HTTP proxy for deliveries: a URL, or \"env\" for HTTPS_PROXY and friends")
	fs.StringSliceVar(&c.TrustProxies, "trust-proxy", c.TrustProxies,
		"CIDR or address of reverse proxies whose X-Forwarded-For is believed")
	fs.StringVar(&c.AuditProject, "audit-project", c.AuditProject,
		"project, as owner/name, that gets every entry of all audit logs as an event (default none)")
	fs.StringVar(&c.SecretKeyFile, "secret-key-file", c.SecretKeyFile,
		"file with the key that seals secrets at rest, the same on all nodes "+
			"(default DATA/secret.key, made at first start)")
	fs.StringVar(&c.NodeName, "node-name", c.NodeName,
		"name of this process among several on one database (default the host's name)")
	fs.BoolVar(&c.Guests, "guests", c.Guests, "let people who are not signed in read public projects")
	fs.StringVar(&c.RequireFactor, "require-second-factor", c.RequireFactor,
		"who must set up a second factor to sign in with a password: none, admins or all")
	c.signOnFlags(fs)
	fs.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", c.LogFormat, "text or json")
	fs.StringVar(&c.OTLPEndpoint, "otlp-endpoint", c.OTLPEndpoint,
		"OpenTelemetry collector for traces, e.g. http://127.0.0.1:4318 (default off)")
	fs.StringVar(&c.DefaultHooks, "default-hooks", c.DefaultHooks,
		"JSON file of hooks, by id, that every new project gets")
	fs.BoolVar(&c.Metrics, "metrics", c.Metrics, "serve Prometheus metrics at /metrics")
	c.metricsFlags(fs)
	fs.Var(wait(&c.Retention, 0, 0), "retention", "how long events are kept; 0 keeps them")
	fs.Var(size(&c.RetentionBytes, 0, 0), "retention-bytes",
		"size of the database beyond which the oldest events of the projects that keep most go; 0 means no bound")
	fs.Var(wait(&c.DedupWindow, 0, 0), "dedup-window", "how long repeats of an event are recognised; 0: always")
	fs.Var(wait(&c.Poll, 10*time.Millisecond, time.Hour), "poll",
		"how often due deliveries are looked for even if nothing woke the dispatcher")
	fs.Var(wait(&c.Grace, 0, 0), "grace", "time that attempts under way get to end when the server stops")
	fs.StringVar(&c.Role, "role", c.Role, "what this node does: accept (requests and queues; other nodes send), "+
		"deliver (sends; answers only health checks and metrics) or all; others than all need PostgreSQL")
	fs.Var(wait(&c.Drain, 0, 0), "drain",
		"time for which a server that is to stop serves on while /readyz fails, for a balancer to notice")
	fs.Var(wait(&c.ReadTimeout, 0, 0), "read-timeout", "time a sender gets for a whole request; 0: no limit")
	c.limitFlags(fs)
}

// limitFlags declares the options of limits.
func (c *Config) limitFlags(fs *pflag.FlagSet) {
	fs.Var(count(&c.Listeners, 1, 0), "max-listeners", "listeners connected at once")
	fs.Var(count(&c.ListenersPerAddress, 1, 0), "max-listeners-per-address",
		"listeners connected at once from one address")
	fs.Var(count(&c.Bins, 1, 0), "max-bins", "bins at once")
	fs.Var(count(&c.BinsPerAddress, 1, 0), "max-bins-per-address", "bins made from one address")
	fs.Var(count(&c.BinBody, 1, 1<<30), "max-bin-body", "bytes kept of a body that comes to a bin")
	l := &c.Limits
	fs.Var(size(&l.Body, 1, 1<<30), "max-body", "largest body of an event")
	fs.Var(size(&l.Decode, 1, 1<<30), "max-decode",
		"largest body that formats, templates and filters decode; what is decoded at once has at most this size")
	fs.Var(count(&l.URL, leastURL, 1<<16), "max-url", "longest URL of a hook, in bytes")
	fs.Var(count(&l.Secret, leastSecret, 1<<16), "max-secret", "longest secret, in bytes")
	fs.Var(count(&l.Description, leastDescription, 1<<20), "max-description", "longest description, in bytes")
	fs.Var(count(&l.Headers, 0, 1000), "max-headers", "headers a hook may add")
	fs.Var(count(&l.HooksPerProject, 0, 0), "max-hooks", "hooks of a project; 0: no limit")
	fs.Var(count(&l.EventType, 1, 1000), "max-event-type", "longest event type, in bytes")
	fs.Var(count(&l.ResponseBody, 0, 1<<30), "max-response-body", "bytes kept of a receiver's answer")
	fs.Var(count(&l.RequestHeader, 1<<10, 16<<20), "max-request-header", "bytes of a request's header")
	fs.Var(count(&l.JSONDepth, 1, deepest), "max-json-depth", "nesting of a published event")
	fs.Var(count(&l.Batch, 1, 0), "max-batch", "events in one publish request")
	c.quotaFlags(fs)
	fs.Var(wait(&l.Timeout, time.Second, 0), "max-timeout", "longest timeout a hook may ask for")
}

// signOnFlags declares the options about the OpenID provider.
func (c *Config) signOnFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.OIDCIssuer, "oidc-issuer", c.OIDCIssuer,
		"OpenID Connect provider to sign in by, e.g. https://accounts.example.com (default off)")
	fs.StringVar(&c.OIDCClientID, "oidc-client-id", c.OIDCClientID, "what the provider knows this server as")
	fs.StringVar(&c.OIDCClientSecret, "oidc-client-secret", c.OIDCClientSecret,
		"secret shared with the provider; better in HOOKYARD_OIDC_CLIENT_SECRET_FILE")
	fs.StringSliceVar(&c.OIDCAllow, "oidc-allow", c.OIDCAllow,
		"who may sign in by it: e-mail addresses, @example.com, group:NAME, or * for every account of the provider")
	fs.StringSliceVar(&c.OIDCAdmins, "oidc-admin", c.OIDCAdmins, "who of them administers the server, written likewise")
	fs.StringVar(&c.OIDCGroupsClaim, "oidc-groups-claim", c.OIDCGroupsClaim,
		"claim of the provider that names a person's groups")
}

// loadEnv sets the options that were not given as flags from variables.
func loadEnv(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var failed error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil {
			return
		}
		v, from, err := fromEnv(EnvName(f.Name), lookup)
		if err != nil || v == "" {
			failed = err
			return
		}
		if f.Value.Type() == "bool" {
			v = boolOf(v)
		}
		if err := f.Value.Set(v); err != nil {
			failed = fmt.Errorf("%s=%q: %w", from, v, err)
			if f.Value.Type() == "bool" {
				failed = fmt.Errorf("%s=%q: use true or false", from, v)
			}
		}
		f.Changed = true
	})
	return failed
}

// boolOf returns what a word for yes or no means to pflag, or any other text as it is.
func boolOf(s string) string {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "y", "on":
		return "true"
	case "no", "n", "off":
		return "false"
	}
	return strings.TrimSpace(s)
}

// StrayEnv returns the HOOKYARD_… variables of environ, as os.Environ has them, that are no option of fs and that
// nothing else of hookyard reads, in order: most are typed wrong.
func StrayEnv(fs *pflag.FlagSet, environ []string) []string {
	known := []string{keyVariable, oldKeyVariable, "HOOKYARD_SERVER", "HOOKYARD_TOKEN", "HOOKYARD_PROJECT",
		"HOOKYARD_PUSHER", "HOOKYARD_SKIPPED"}
	fs.VisitAll(func(f *pflag.Flag) { known = append(known, EnvName(f.Name), EnvName(f.Name)+"_FILE") })
	var stray []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		rest, ours := strings.CutPrefix(name, "HOOKYARD_")
		if !ours || slices.Contains(known, name) {
			continue
		}
		if slices.ContainsFunc([]string{"TEST_", "BENCH_", "SERVICE_", "PORT"},
			func(p string) bool { return strings.HasPrefix(rest, p) }) {
			continue // of tests, and what Kubernetes sets for a service named hookyard
		}
		stray = append(stray, name)
	}
	slices.Sort(stray)
	return stray
}

// fromEnv returns the value of a variable, or of the file that name_FILE names, and which it was; "" when neither is
// set.
func fromEnv(name string, lookup func(string) (string, bool)) (value, from string, err error) {
	v, ok := lookup(name)
	file, inFile := lookup(name + "_FILE")
	switch {
	case ok && inFile:
		return "", "", fmt.Errorf("%s and %s_FILE are both set: keep one", name, name)
	case ok:
		return v, name, nil
	case !inFile:
		return "", "", nil
	}
	if v, err = readValue(file); err != nil {
		return "", "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return v, name + "_FILE", nil
}

// EnvName is the environment variable of an option.
func EnvName(flag string) string {
	return "HOOKYARD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// keywordDSN matches PostgreSQL's connection strings that are no URLs. SQLite would make a file of such a name.
var keywordDSN = regexp.MustCompile(`(?i)^\s*(host|hostaddr|port|dbname|user|password|service|sslmode)\s*=`)

// IsPostgres reports whether the database is PostgreSQL.
func (c *Config) IsPostgres() bool { return store.IsPostgres(c.Database) }

// Complete fills what follows from other options, and refuses what cannot work, with what to do about it.
func (c *Config) Complete() error {
	if err := c.checkRanges(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q: write HOST:PORT, for example 127.0.0.1:8080 or :8080", c.Listen)
	}
	if c.Dev {
		if !isLoopback(host) {
			return fmt.Errorf("--dev switches sign-in off, so it serves on loopback only: "+
				"use --listen 127.0.0.1:%s, or leave --dev away", port)
		}
		for _, own := range []string{"127.0.0.0/8", "::1/128", "localhost"} {
			if !slices.Contains(c.AllowTargets, own) {
				c.AllowTargets = append(slices.Clone(c.AllowTargets), own)
			}
		}
	}
	if c.proxies, err = parseProxies(c.TrustProxies); err != nil {
		return err
	}
	if c.Database = strings.TrimPrefix(c.Database, "sqlite:"); c.Database == "" {
		c.Database = filepath.Join(c.Data, "hookyard.db")
	}
	if err := c.checkDatabase(); err != nil {
		return err
	}
	if c.SecretKeyFile == "" {
		c.SecretKeyFile = filepath.Join(c.Data, "secret.key")
	}
	if owner, name, ok := strings.Cut(c.AuditProject, "/"); c.AuditProject != "" && (!ok || owner == "" || name == "" ||
		strings.Contains(name, "/")) {
		return fmt.Errorf("--audit-project %q: write OWNER/NAME", c.AuditProject)
	}
	if c.NodeName == "" {
		if c.NodeName, err = os.Hostname(); err != nil {
			c.NodeName = "hookyard"
		}
	}
	if err := new(slog.Level).UnmarshalText([]byte(c.LogLevel)); err != nil {
		return fmt.Errorf("--log-level %q: use debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return fmt.Errorf("--log-format %q: use text or json", c.LogFormat)
	}
	switch hookyard.FactorPolicy(c.RequireFactor) {
	case hookyard.FactorOptional, hookyard.FactorForAdmins, hookyard.FactorForAll:
	default:
		return fmt.Errorf("--require-second-factor %q: use none, admins or all", c.RequireFactor)
	}
	if err := c.checkRole(); err != nil {
		return err
	}
	if err := c.checkQuotas(); err != nil {
		return err
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.BaseURL == "" && len(c.ACME) > 0 {
		c.BaseURL = "https://" + c.ACME[0]
	}
	if err := c.checkMetrics(); err != nil {
		return err
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	if c.BaseURL != "" && !strings.HasPrefix(c.BaseURL, "http://") && !strings.HasPrefix(c.BaseURL, "https://") {
		return fmt.Errorf("--base-url %q must begin with http:// or https://", c.BaseURL)
	}
	if u, err := url.Parse(c.BaseURL); err != nil || strings.ContainsAny(c.BaseURL, "?#") || c.BaseURL != "" &&
		(u.Host == "" || u.User != nil) {
		return fmt.Errorf("--base-url %q must be a scheme, a host and maybe a path: no query, fragment or user",
			hookyard.MaskURL(c.BaseURL))
	}
	if u, _ := url.Parse(c.BaseURL); strings.Trim(u.EscapedPath(), basePathChars) != "" {
		return fmt.Errorf("--base-url %q: its path may have letters, digits, and - . _ ~ only", c.BaseURL)
	}
	return nil
}

// Level returns the level of the log. c must be complete.
func (c *Config) Level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked by Complete
	return level
}

// checkDatabase refuses ways to a database that cannot work.
func (c *Config) checkDatabase() error {
	if keywordDSN.MatchString(c.Database) {
		return errors.New("--database is in the form of keywords and values: " +
			"write a URL, postgres://user:password@host:port/name, or the path of a SQLite file")
	}
	if c.DatabaseDirect != "" && !(c.IsPostgres() && store.IsPostgres(c.DatabaseDirect)) {
		return errors.New("--database-direct is for a --database that is a postgres:// URL, and is one, too: " +
			"postgres://user:password@host:port/name")
	}
	return nil
}

// basePathChars are those that mean the same in URLs, cookies and pages.
const basePathChars = "/-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
