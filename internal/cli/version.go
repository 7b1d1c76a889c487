package cli

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Set by the linker in a release, with -X. A build from a checkout or a module has them from Go's build information.
var buildVersion, buildCommit, buildDate string

// build says which hookyard this is. Commit and Date, RFC 3339, are empty if the build does not know them.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func readBuild() build {
	b := build{Version: strings.TrimPrefix(buildVersion, "v"), Commit: buildCommit, Date: buildDate,
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	if !ok || b.Commit != "" {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		}
	}
	return b
}

// String returns a line such as "hookyard 1.2.0 (commit 0123456789ab, 2026-01-02T15:04:05Z, go1.26.0, linux/amd64)".
func (b build) String() string {
	var in []string
	if b.Commit != "" {
		in = append(in, "commit "+b.Commit[:min(len(b.Commit), 12)])
	}
	if b.Date != "" {
		in = append(in, b.Date)
	}
	return "hookyard " + b.Version + " (" + strings.Join(append(in, b.Go, b.System), ", ") + ")"
}

func newVersion(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, its commit and date",
		Example: "  hookyard version\n  hookyard version --json",
	}
	c.RunE = func(*cobra.Command, []string) error {
		b := readBuild()
		return s.show(b, func() error { return s.println("%s", b) })
	}
	return takes(c, 0, 0)
}
