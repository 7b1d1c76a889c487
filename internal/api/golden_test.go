package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard/client"
)

var update = flag.Bool("update", false, "write what the server answers into testdata/*.golden")

// TestGolden plays the conversations in testdata/*.golden, each against a server of its own. A conversation is a list
// of
//
//	USER METHOD PATH [Name: value|Name: value]
//	BODY
//	--- STATUS [headers]
//	ANSWER
//
// where USER is root (an administrator), alice, bob (who may nothing), or nobody. In paths and bodies {evt}, {dlv},
// {rpl} and {tok} stand for the last id of that kind that was answered. Times and ids are blotted out in answers.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".golden")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			each(t, optionsOf(name), func(t *testing.T, b *bundle) {
				got := play(t, b, string(want))
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
					return
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("conversation differs (-file +server):\n%s", diff)
				}
			})
		})
	}
}

// optionsOf are the settings for one conversation.
func optionsOf(name string) func(*options) {
	return func(o *options) {
		if name == "dev" {
			o.Dev, o.CreateOnUse = true, true
		}
		o.Limits.Batch = 3
		o.Limits.Body = 4096
	}
}

func play(t *testing.T, b *bundle, script string) string {
	t.Helper()
	tokens := map[string]string{"alice": b.token, "bob": b.bobs, "nobody": ""}
	_, tokens["root"] = b.user("root2", true)
	ids := map[string]string{}
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(script), "\n\n") {
		comments, rest := "", block
		for strings.HasPrefix(rest, "#") {
			line, after, _ := strings.Cut(rest, "\n")
			comments, rest = comments+line+"\n", after
		}
		request, _, _ := strings.Cut(rest, "\n--- ")
		first, body, _ := strings.Cut(request, "\n")
		parts := strings.SplitN(first, " ", 4)
		if len(parts) < 3 {
			t.Fatalf("not a request: %q", first)
		}
		var header []string
		if len(parts) == 4 {
			for pair := range strings.SplitSeq(strings.Trim(parts[3], "[]"), "|") {
				n, v, _ := strings.Cut(pair, ": ")
				header = append(header, n, v)
			}
		}
		status, h, answer := b.do(tokens[parts[0]], parts[1], fill(parts[2], ids), fill(body, ids), header...)
		if h["X-Webgme-Media-Type"] == nil || h.Get("X-WebGME-Media-Type") != client.MediaType {
			t.Errorf("%s: no X-WebGME-Media-Type", first)
		}
		for _, kind := range []string{"evt", "dlv", "rpl", "tok"} {
			if id := regexp.MustCompile(`"(` + kind + `_[0-9a-z_]+)"`).FindStringSubmatch(answer); id != nil {
				ids[kind] = id[1]
			}
		}
		shown := ""
		for _, name := range []string{"Allow", "ETag", "WWW-Authenticate", "Content-Disposition",
			"Content-Security-Policy", "Retry-After"} {
			if v := h.Get(name); v != "" {
				shown += fmt.Sprintf(" %s: %s", name, v)
			}
		}
		fmt.Fprintf(&out, "%s%s\n--- %d%s\n%s\n\n", comments, request, status, blot(shown, ""),
			blot(answer, h.Get("Content-Type")+" "))
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

func fill(s string, ids map[string]string) string {
	for kind, id := range ids {
		s = strings.ReplaceAll(s, "{"+kind+"}", id)
	}
	return s
}

// blot replaces what differs from run to run, and indents JSON without reordering it.
func blot(answer, contentType string) string {
	if strings.HasPrefix(contentType, "application/json") {
		var b bytes.Buffer
		if json.Indent(&b, []byte(answer), "", "  ") == nil {
			answer = strings.TrimSpace(b.String())
		} else {
			answer = "NOT JSON: " + answer
		}
	}
	for pattern, with := range map[string]string{
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`: "TIME",
		`(evt|dlv|rpl|tok)_[0-9a-z_]{20,}`:        "${1}_ID",
		`whsec_[A-Za-z0-9+/=]+`:                   "whsec_SECRET",
		`hky_[0-9a-z]+`:                           "hky_SECRET",
		`"cursor": "[^"]+"`:                       `"cursor": "CURSOR"`,
	} {
		answer = regexp.MustCompile(pattern).ReplaceAllString(answer, with)
	}
	if answer == "" && contentType != "" {
		return "(empty)"
	}
	return answer
}
