package oidc

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	good := Options{Issuer: "https://id.example.com", ClientID: "hookyard",
		RedirectURL: "https://hooks.example.com/login/oidc/callback", Allow: []string{"@example.com"}}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(o *Options){
		"--oidc-issuer \"id\"": func(o *Options) { o.Issuer = "id" },
		"--oidc-client-id":     func(o *Options) { o.ClientID = "" },
		"--oidc-allow, which":  func(o *Options) { o.Allow = nil },
		"not \"everybody\"":    func(o *Options) { o.Allow = []string{"everybody"} },
		"not \"@\"":            func(o *Options) { o.Admins = []string{"@"} },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	const ann = `{"sub":"1","preferred_username":"ann","email":"Ann@Example.com","email_verified":true,
		"groups":["crew"]}`
	for _, c := range []struct {
		claims        string
		allow, admins []string
		name          string // "" if not admitted
		admin         string // yes, no, or nothing if there are no rules
	}{
		{ann, []string{"*"}, nil, "ann", "nothing"},
		{ann, []string{"ann@example.com"}, []string{"group:ops"}, "ann", "no"},
		{ann, []string{"@EXAMPLE.com"}, []string{"group:crew"}, "ann", "yes"},
		{ann, []string{"@ample.com", "group:Crew", "bob@example.com"}, nil, "", ""},
		{strings.Replace(ann, "true", `"true"`, 1), []string{"@example.com"}, nil, "ann", "nothing"},
		{strings.Replace(ann, "true", "false", 1), []string{"@example.com"}, nil, "", ""},
		{strings.Replace(ann, `"email_verified":true,`, "", 1), []string{"ann@example.com"}, nil, "", ""},
		{strings.Replace(ann, `["crew"]`, `"crew"`, 1), []string{"group:crew"}, nil, "ann", "nothing"},
		{`{"sub":"1","email":"x@example.com"}`, []string{"*"}, nil, "x", "nothing"},
		{`{"sub":"1","preferred_username":"guest","name":"Zoë B."}`, []string{"*"}, nil, "Zo--B", "nothing"},
		{`{"sub":"1","preferred_username":"../..","name":"東京"}`, []string{"*"}, nil, "user", "nothing"},
	} {
		p := &Provider{o: Options{Issuer: "https://id.example.com", Allow: c.allow, Admins: c.admins,
			GroupsClaim: defaultGroupsClaim}}
		var in claims
		if err := p.decode(said(c.claims), &in); err != nil {
			t.Fatal(err)
		}
		who, err := p.admit(&in)
		if (err == nil) != (c.name != "") || err != nil && hookyard.CodeOf(err) != hookyard.Forbidden {
			t.Errorf("%s with %v: %v", c.claims, c.allow, err)
			continue
		}
		if err != nil {
			continue
		}
		admin := "nothing"
		if who.Admin != nil {
			admin = map[bool]string{true: "yes", false: "no"}[*who.Admin]
		}
		if who.Name != c.name || admin != c.admin {
			t.Errorf("%s with %v becomes %q, administrator: %s; want %q, %s", c.claims, c.allow, who.Name, admin,
				c.name, c.admin)
		}
	}
}

// said is claims in JSON.
type said string

func (s said) Claims(v any) error { return json.Unmarshal([]byte(s), v) }

func TestGroupsClaim(t *testing.T) {
	t.Parallel()
	p := &Provider{o: Options{GroupsClaim: "https://acme.example/teams"}}
	for in, want := range map[string][]string{
		`{"sub":"1","groups":["a"],"https://acme.example/teams":["dev","ops"]}`: {"dev", "ops"},
		`{"sub":"1","https://acme.example/teams":"dev"}`:                        {"dev"},
		`{"sub":"1","groups":["a"]}`:                                            nil,
	} {
		var c claims
		if err := p.decode(said(in), &c); err != nil || !slices.Equal(c.Groups, want) {
			t.Errorf("%s: groups %q, %v; want %q", in, c.Groups, err, want)
		}
	}
	var c claims
	if err := p.decode(said(`{"https://acme.example/teams":7}`), &c); err == nil ||
		!strings.Contains(err.Error(), "--oidc-groups-claim") {
		t.Errorf("a number for groups: %v", err)
	}
}

// FuzzName checks that any name at the provider gives a valid user name.
func FuzzName(f *testing.F) {
	f.Add("ann", "ann@example.com", "Ann Lee")
	f.Add("", "@", "\x00\u202e")
	f.Fuzz(func(t *testing.T, username, email, name string) {
		got := nameOf(&claims{Username: username, Email: email, Name: name})
		if err := (&hookyard.Project{Owner: got, Name: "x"}).Validate(hookyard.DefaultLimits()); err != nil ||
			strings.EqualFold(got, "guest") {
			t.Errorf("the name is %q: %v", got, err)
		}
	})
}
