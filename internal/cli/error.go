package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// The exit codes. Scripts rely on them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2   // also a value that the server finds wrong
	exitSignIn      = 4   // not signed in
	exitNotFound    = 5   // not found, or past its retention
	exitNotAccepted = 6   // not accepted by the receiver in time: hook test, publish --wait, event replay --to
	exitInterrupted = 130 // SIGINT or SIGTERM, as in shells
)

// failure is an error with an exit code and advice.
type failure struct {
	exit    int
	message string
	next    string // what the user can do about it, or ""
}

func (f *failure) Error() string { return f.message }

// then adds advice.
func (f *failure) then(format string, args ...any) *failure {
	f.next = fmt.Sprintf(format, args...)
	return f
}

func failf(exit int, format string, args ...any) *failure {
	return &failure{exit: exit, message: fmt.Sprintf(format, args...)}
}

func usagef(format string, args ...any) *failure { return failf(exitUsage, format, args...) }

// report is the JSON form of an error.
type report struct {
	Error  string        `json:"error"`
	Next   string        `json:"next,omitempty"`
	Code   hookyard.Code `json:"code,omitempty"`
	Status int           `json:"status,omitempty"`
	Field  string        `json:"field,omitempty"`
	Exit   int           `json:"exit"`
}

// exit prints an error on stderr and returns the exit code.
func (s *session) exit(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	r := s.explain(err)
	if ctx.Err() != nil {
		r = report{Error: "interrupted", Exit: exitInterrupted}
	}
	if s.asJSON {
		b, _ := json.Marshal(r)
		_, _ = fmt.Fprintf(s.err, "%s\n", b)
		return r.Exit
	}
	_, _ = fmt.Fprintf(s.err, "%s %s\n", s.paintErr(red, "hookyard:"), cleanText(r.Error))
	if r.Next != "" {
		_, _ = fmt.Fprintf(s.err, "  %s\n", cleanText(r.Next))
	}
	return r.Exit
}

// explain turns any error into a report for the user.
func (s *session) explain(err error) report {
	var f *failure
	var answer *client.Error
	var invalid *hookyard.Error
	switch {
	case errors.As(err, &f):
		return report{Error: f.message, Next: f.next, Exit: f.exit}
	case errors.As(err, &answer):
		return s.explainAnswer(answer)
	case errors.As(err, &invalid):
		r := report{Error: invalid.Message, Code: invalid.Code, Field: invalid.Field, Exit: exitFailed}
		if invalid.Code == hookyard.Invalid {
			r.Exit = exitUsage
		}
		return r
	}
	return s.explainNetwork(err)
}

func (s *session) explainAnswer(e *client.Error) report {
	r := report{Error: e.Error(), Code: e.Code, Status: e.Status, Field: e.Field, Exit: exitFailed}
	status := e.Status
	if e.Code == hookyard.NotFound { // below hooks WebGME's status for no such project is 403
		status = http.StatusNotFound
	}
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		r.Exit = exitUsage
	case http.StatusUnauthorized:
		r.Exit = exitSignIn
		r.Next = "provide a token: --token, HOOKYARD_TOKEN, or the file " + s.tokenFile()
	case http.StatusNotFound, http.StatusGone:
		r.Exit = exitNotFound
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if e.RetryAfter > 0 {
			r.Next = "try again in " + hookyard.FormatDuration(e.RetryAfter)
		}
	}
	return r
}

func (s *session) explainNetwork(err error) report {
	var ue *url.Error
	if !errors.As(err, &ue) {
		return report{Error: err.Error(), Exit: exitFailed}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return report{Error: fmt.Sprintf("the server at %s did not answer within %s", hookyard.MaskURL(s.server),
			hookyard.FormatDuration(s.timeout)),
			Next: "allow more time with --timeout", Exit: exitFailed}
	}
	return report{
		Error: fmt.Sprintf("no server answers at %s (%v)", hookyard.MaskURL(s.server), rootOf(ue.Err)),
		Next:  "start one with hookyard serve, or set --server URL (or HOOKYARD_SERVER)",
		Exit:  exitFailed,
	}
}

// rootOf returns the system error at the end of the chain, such as "connection refused", or err itself.
func rootOf(err error) error {
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		return sys.Err
	}
	return err
}

// flagError turns an error of pflag into a usage error that suggests a similar flag.
func flagError(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	message := strings.TrimPrefix(err.Error(), "pflag: ")
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) {
		message = fmt.Sprintf("--%s: %q is not %s", invalid.GetFlag().Name, hookyard.Clean(invalid.GetValue(), 50),
			wanted(invalid.GetFlag().Value.Type(), number.Err))
	}
	f := usagef("%s", message).
		then("for the list of flags: %s --help", c.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		f.message += didYouMean(nearFlags(c.Flags(), unknown.GetSpecifiedName()))
	}
	return f
}

// wanted says what the value of a flag of a type must be.
func wanted(kind string, err error) string {
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "in the range of numbers"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	}
	return "a whole number"
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": did you mean " + strings.Join(names, " or ") + "?"
}

// nearFlags returns the flags with names similar to name.
func nearFlags(fs *pflag.FlagSet, name string) []string {
	var names []string
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	near := nearest(names, name)
	for i := range near {
		near[i] = "--" + near[i]
	}
	return near
}

// nearest returns up to three names of which typed is most likely a misspelling.
func nearest(names []string, typed string) []string {
	const slips = 2
	best, near := slips+1, []string(nil)
	for _, name := range names {
		d := distance(strings.ToLower(name), strings.ToLower(typed))
		if len(typed) > 2 && strings.HasPrefix(name, typed) {
			d = min(d, 1)
		}
		if d < best {
			best, near = d, nil
		}
		if d == best && d <= slips && d < len(typed) {
			near = append(near, name)
		}
	}
	slices.Sort(near)
	return near[:min(len(near), 3)]
}

// distance returns the Levenshtein distance between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
