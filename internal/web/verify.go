package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/curl"
)

//go:embed verify
var verifyFiles embed.FS

// samples are the languages of programs that verify a signature, by the names of their files. curl has none.
func samples() [][2]string {
	return [][2]string{{"node", "Node.js"}, {"python", "Python"}, {"go", "Go"}, {"php", "PHP"}, {"ruby", "Ruby"},
		{"java", "Java"}, {"csharp", "C#"}, {"curl", "curl"}}
}

// verifyPage shows customers how to verify what is sent to their hooks.
type verifyPage struct {
	base
	Hooks   []*hookyard.Hook
	Hook    string
	Samples [][2]string
	Sample  string
	Code    string
	Real    bool // the program has a delivery of the hook
	Unusual bool // the hook signs in another way, or not at all
}

func showVerify(v *visit) error {
	p := &verifyPage{Hooks: v.project.Snapshot.Hooks, Hook: v.get("hook"), Samples: samples(), Sample: v.get("code")}
	p.Tab = "verify"
	if !slices.ContainsFunc(p.Samples, func(s [2]string) bool { return s[0] == p.Sample }) {
		p.Sample = p.Samples[0][0]
	}
	if p.Hook == "" && len(p.Hooks) > 0 {
		p.Hook = p.Hooks[0].ID
	}
	var e *control.SignedDelivery
	if p.Hook != "" {
		h, err := v.project.Hook(v.ctx(), p.Hook)
		if hookyard.CodeOf(err) == hookyard.NotFound {
			return hookyard.Errorf(hookyard.NotFound, "There is no such hook in this project.")
		}
		if err != nil {
			return err
		}
		how := h.EffectiveSignature(v.project.Snapshot.Project.EffectiveFormat(h))
		p.Unusual = len(h.Secrets) == 0 || how == hookyard.SignGitHub
		if v.portal.Shows(string(hookyard.PartDeliveries)) && v.project.Role.Allows(hookyard.RolePortal) {
			if e, err = v.project.SignDelivery(v.ctx(), h.ID); err != nil {
				return err
			}
		}
	}
	p.Real = e != nil
	var err error
	if p.Code, err = sampleCode(p.Sample, e); err != nil {
		return err
	}
	return v.show(http.StatusOK, "How to verify", p)
}

// Query returns the query of the page for a language, with the hook that is chosen.
func (p *verifyPage) Query(sample string) string {
	return "?" + url.Values{"hook": {p.Hook}, "code": {sample}}.Encode()
}

// sampleData is what the templates of programs use.
type sampleData struct{ *control.SignedDelivery }

// Timestamp is the time that is signed, as the header has it.
func (d sampleData) Timestamp() string { return strconv.FormatInt(d.At.Unix(), 10) }

// Body is the body as text.
func (d sampleData) Body() string { return string(d.SignedDelivery.Body) }

// String returns a text as a string of JSON, which is one of Node.js, Python, Go, Java and C#, too.
func (sampleData) String(s string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSpace(b.String()), err
}

// Single returns a text as a string of PHP and Ruby in single quotes, in which nothing else has a meaning.
func (sampleData) Single(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// sampleCode returns a program with a delivery, or with placeholders if there is none.
func sampleCode(name string, e *control.SignedDelivery) (string, error) {
	d := sampleData{e}
	if e == nil {
		d.SignedDelivery = &control.SignedDelivery{ID: "evt_…", Signature: "v1,…", URL: "https://example.com/hooks",
			Body: []byte(`{"type":"order.created"}`)}
	}
	if name == "curl" {
		return curl.Command(curl.Request{Method: http.MethodPost, URL: d.URL, Body: d.SignedDelivery.Body,
			Header: http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {d.ID},
				"Webhook-Timestamp": {d.Timestamp()}, "Webhook-Signature": {d.Signature}}}), nil
	}
	t, err := template.ParseFS(verifyFiles, "verify/"+name+".txt")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, d)
	return b.String(), err
}
