package signature

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the verdicts into testdata")

// golden is a request and what is to be made of it. The signatures in testdata were made with Python's hmac and with
// OpenSSL from what the providers document.
type golden struct {
	file, typ, secret, scheme, want string
	request                         Request
}

func readGolden(t *testing.T, file string) golden {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(b), "-- request --\n")
	request, want, ok := strings.Cut(rest, "\n-- verdict --\n")
	if !ok {
		t.Fatalf("%s has no verdict", file)
	}
	meta := header(head)
	line, rest, _ := strings.Cut(request, "\n")
	lines, body, _ := strings.Cut("\n"+rest, "\n\n")
	now, err := strconv.ParseInt(meta.Get("now"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{file: file, typ: meta.Get("type"), secret: meta.Get("secret"), scheme: meta.Get("scheme"), want: want}
	method, address, _ := strings.Cut(line, " ")
	g.request = Request{Method: method, URL: address, Header: header(strings.TrimPrefix(lines, "\n")),
		Body: []byte(body), Now: time.Unix(now, 0)}
	return g
}

func (v Verdict) golden() string {
	if !v.OK {
		return fmt.Sprintf("refused %d: %s\n", v.Status, v.Reason)
	}
	text := fmt.Sprintf("by: %s\nevent type: %s\ndelivery id: %s\n", v.By, v.EventType, v.DeliveryID)
	text = strings.ReplaceAll(text, ": \n", ":\n")
	if a := v.Answer; a != nil {
		text += fmt.Sprintf("-- answer --\n%d\n", a.Status)
		var names []string
		for name := range a.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			text += name + ": " + a.Header[name] + "\n"
		}
		text += "\n" + string(a.Body) + "\n"
	}
	return text
}

func goldens(t *testing.T, folder string) []golden {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	var all []golden
	for _, f := range files {
		all = append(all, readGolden(t, f))
	}
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, g := range append(goldens(t, "requests"), goldens(t, "challenges")...) {
		t.Run(filepath.Base(g.file), func(t *testing.T) {
			t.Parallel()
			body := bytes.Clone(g.request.Body)
			got := must(t, g.typ, g.scheme, g.secret).Verify(&g.request).golden()
			if *update {
				b, _ := os.ReadFile(g.file)
				head, _, _ := strings.Cut(string(b), "\n-- verdict --\n")
				if err := os.WriteFile(g.file, []byte(head+"\n-- verdict --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(g.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if !bytes.Equal(body, g.request.Body) {
				t.Error("Verify changed the body")
			}
		})
	}
}

// TestEveryTypeIsShown keeps rows of the table from being added without a request that they verify.
func TestEveryTypeIsShown(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, g := range goldens(t, "requests") {
		shown[g.typ] = true
	}
	for _, typ := range Types() {
		info, ok := Describe(typ)
		if !shown[typ] || !ok {
			t.Errorf("type %s has no request in testdata/requests", typ)
		}
		if info.Title == "" || info.Setup == "" || info.NeedsSecret && info.SecretHint == "" {
			t.Errorf("type %s is not described: %+v", typ, info)
		}
		v, err := New(typ, nil, nil)
		if info.NeedsSecret != (err != nil) || err != nil && v != nil {
			t.Errorf("New(%s) without secrets: error %v, needs secret %v", typ, err, info.NeedsSecret)
		}
	}
	if !slices.IsSorted(Types()) || len(slices.Compact(Types())) != len(Types()) {
		t.Error("Types is not sorted, or a name is there twice")
	}
	if _, ok := Describe("nonsense"); ok {
		t.Error("Describe knows nonsense")
	}
}

// TestSpoiled takes each genuine request and spoils one thing; none may pass.
func TestSpoiled(t *testing.T) {
	t.Parallel()
	for _, g := range goldens(t, "requests") {
		if g.typ == "none" {
			continue
		}
		t.Run(filepath.Base(g.file), func(t *testing.T) {
			t.Parallel()
			v := must(t, g.typ, g.scheme, g.secret)
			refused := func(what string, r Request) {
				t.Helper()
				d := v.Verify(&r)
				if d.OK || d.Reason == "" || d.Status == 0 || d.By != "" || d.EventType != "" || d.DeliveryID != "" {
					t.Errorf("%s: %+v", what, d)
				}
				if strings.Contains(d.Reason, g.secret) {
					t.Errorf("%s: the reason shows the secret: %s", what, d.Reason)
				}
			}
			bare := g.request
			bare.Header, bare.URL = nil, "https://hooks.example.org/in/acme/shop/src"
			refused("no headers", bare)

			if !plainly(v) {
				changed := g.request
				changed.Body = append([]byte(" "), g.request.Body...)
				if g.typ == "twilio" {
					changed.Body = append([]byte("A=b&"), g.request.Body...)
				}
				refused("body changed", changed)
				empty := g.request
				empty.Body = nil
				refused("body gone", empty)
			}
			if g.request.Header.Get("X-Hookdeck-Signature-2") == "" { // there, the other header still proves it
				for name := range g.request.Header {
					if !proves(v, name) {
						continue
					}
					twice := g.request
					twice.Header = g.request.Header.Clone()
					twice.Header.Add(name, "x")
					refused(name+" twice", twice)
					blank := g.request
					blank.Header = g.request.Header.Clone()
					blank.Header.Set(name, "")
					refused(name+" empty", blank)
				}
			}
			if g.typ != "discord" && g.typ != "telnyx" && !strings.Contains(g.scheme, ed) &&
				!strings.HasPrefix(g.secret, "wh") {
				other, err := New(g.typ, []string{g.secret + "ff"}, []byte(g.scheme))
				if err != nil {
					t.Fatal(err)
				}
				if d := other.Verify(&g.request); d.OK {
					t.Error("another secret verifies")
				}
			}
		})
	}
}

func plainly(v *Verifier) bool {
	return v.p.plainCode || len(v.rules) > 0 && v.rules[0].Algorithm == plain || v.p.name == "gitlab" &&
		len(v.rules) == 2
}

// proves says whether the header takes part in the proof.
func proves(v *Verifier, name string) bool {
	if v.code != nil {
		return name == "Authorization" || name == "X-Twilio-Signature"
	}
	for _, r := range v.rules {
		for _, n := range []string{r.Header, r.IDHeader, r.TimestampHeader} {
			if strings.EqualFold(n, name) {
				return true
			}
		}
	}
	return false
}
