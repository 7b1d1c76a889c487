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

var update = flag.Bool("update", false, "write the outcomes to testdata")

// golden is a request and the expected outcome. The signatures in testdata were made with Python's hmac and with
// OpenSSL, following the documentation of the providers.
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

func (o outcome) golden() string {
	if !o.OK {
		return fmt.Sprintf("refused %d: %s\n", o.Status, o.Reason)
	}
	text := fmt.Sprintf("by: %s\nevent type: %s\ndelivery id: %s\n", o.Method, o.EventType, o.DeliveryID)
	text = strings.ReplaceAll(text, ": \n", ":\n")
	if a := o.Response; a != nil {
		text += fmt.Sprintf("-- answer --\n%d\n", a.StatusCode)
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
			got := verify(must(t, g.typ, g.scheme, g.secret), &g.request).golden()
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

// TestEveryProviderHasGolden fails for a row of the table without a request that it verifies.
func TestEveryProviderHasGolden(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, g := range goldens(t, "requests") {
		shown[g.typ] = true
	}
	for _, typ := range Names() {
		info, ok := Lookup(typ)
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
	if !slices.IsSorted(Names()) || len(slices.Compact(Names())) != len(Names()) {
		t.Error("Names is not sorted, or contains a name twice")
	}
	if _, ok := Lookup("nonsense"); ok {
		t.Error("Describe knows nonsense")
	}
}

// TestTampered changes one thing in each genuine request; none may pass.
func TestTampered(t *testing.T) {
	t.Parallel()
	for _, g := range goldens(t, "requests") {
		if g.typ == "none" {
			continue
		}
		t.Run(filepath.Base(g.file), func(t *testing.T) {
			t.Parallel()
			v := must(t, g.typ, g.scheme, g.secret)
			mustRefuse := func(what string, r Request) {
				t.Helper()
				d := verify(v, &r)
				if d.OK || d.Reason == "" || d.Status == 0 || d.Result != (Result{}) {
					t.Errorf("%s: %+v", what, d)
				}
				if strings.Contains(d.Reason, g.secret) {
					t.Errorf("%s: the reason reveals the secret: %s", what, d.Reason)
				}
			}
			bare := g.request
			bare.Header, bare.URL = nil, "https://hooks.example.org/in/acme/shop/src"
			mustRefuse("no headers", bare)

			if !plainly(v) {
				changed := g.request
				changed.Body = append([]byte(" "), g.request.Body...)
				if g.typ == "twilio" {
					changed.Body = append([]byte("A=b&"), g.request.Body...)
				}
				mustRefuse("body changed", changed)
				empty := g.request
				empty.Body = nil
				mustRefuse("body gone", empty)
			}
			if g.request.Header.Get("X-Hookdeck-Signature-2") == "" { // there, the other header still proves it
				for name := range g.request.Header {
					if !proves(v, name) {
						continue
					}
					twice := g.request
					twice.Header = g.request.Header.Clone()
					twice.Header.Add(name, "x")
					mustRefuse(name+" twice", twice)
					blank := g.request
					blank.Header = g.request.Header.Clone()
					blank.Header.Set(name, "")
					mustRefuse(name+" empty", blank)
				}
			}
			if g.typ != "discord" && g.typ != "telnyx" && !strings.Contains(g.scheme, ed) &&
				!strings.HasPrefix(g.secret, "wh") {
				other, err := newVerifier(g.typ, []string{g.secret + "ff"}, g.scheme)
				if err != nil {
					t.Fatal(err)
				}
				if d := verify(other, &g.request); d.OK {
					t.Error("another secret verifies")
				}
			}
		})
	}
}

// plainly reports whether v accepts the secret itself as proof, so that the body is not covered.
func plainly(v *Verifier) bool {
	return v.provider.readsSecret || len(v.rules) > 0 && v.rules[0].Algorithm == plain || v.provider.name == "gitlab" &&
		len(v.rules) == 2
}

// proves reports whether the header is part of the proof.
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
