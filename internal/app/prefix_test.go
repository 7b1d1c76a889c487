package app_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// TestBaseURLWithPath crawls all pages below the path of --base-url, behind a reverse proxy that leaves the path and
// one that removes it. Nothing may lead out of it.
func TestBaseURLWithPath(t *testing.T) {
	t.Parallel()
	const prefix = "/tools/hooks"
	for _, strips := range []bool{false, true} {
		name := map[bool]string{false: "the proxy leaves the path", true: "the proxy removes the path"}[strips]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forward := http.NotFoundHandler()
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != prefix && !strings.HasPrefix(r.URL.Path, prefix+"/") {
					http.Error(w, "another program", http.StatusTeapot)
					return
				}
				forward.ServeHTTP(w, r)
			}))
			t.Cleanup(proxy.Close)
			data := t.TempDir()
			a := start(t, func(c *app.Config) {
				c.Data, c.BaseURL = data, proxy.URL+prefix
			})
			to := &url.URL{Scheme: "http", Host: a.Addr()}
			forward = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.Out.Host = r.In.Host
			}}
			if strips {
				forward = http.StripPrefix(prefix, forward)
			}
			c := &crawler{t: t, base: proxy.URL + prefix, seen: map[string]bool{}}
			c.fill(filepath.Join(data, "admin-token"))
			c.visit(c.base + "/")
			c.visit(c.base + "/portal/admin/shop/webhooks")
			for _, want := range []string{"", "/bins", "/users", "/admin/shop/webhooks/h", "/admin/shop/settings",
				"/docs/api", "/api/openapi.json", "/admin/shop/sources/in", "/portal/admin/shop/webhooks/h",
				"/portal/admin/shop/verify"} {
				if !c.seen[c.base+want] && !c.seen[c.base+want+"/"] {
					t.Errorf("%s was not reached", want)
				}
			}
			if len(c.seen) < 30 {
				t.Errorf("%d pages and files; want more", len(c.seen))
			}
		})
	}
}

// crawler follows all links on pages of one server.
type crawler struct {
	t    *testing.T
	base string
	http *http.Client
	seen map[string]bool
}

// fill makes a project with a hook, a source and events through the client, and signs in through the form.
func (c *crawler) fill(tokenFile string) {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		c.t.Fatal(err)
	}
	cl, err := client.New(c.base+"/", strings.TrimSpace(string(token)))
	if err != nil {
		c.t.Fatal(err)
	}
	ctx := c.t.Context()
	if _, _, err := cl.PutProject(ctx, "admin/shop", client.ProjectPatch{}); err != nil {
		c.t.Fatal(err)
	}
	to, all := "https://example.invalid/", hookyard.SelectAll()
	if _, err := cl.PutHook(ctx, "admin/shop", "h", client.HookPatch{URL: &to, Events: &all}); err != nil {
		c.t.Fatal(err)
	}
	none := "none"
	source, _, err := cl.PutSource(ctx, "admin/shop", "in", client.SourcePatch{Type: &none})
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.Post(source.URL, "application/json", strings.NewReader(`{"a":1}`))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !strings.HasPrefix(source.URL, c.base+"/in/") || resp.StatusCode != http.StatusOK {
		c.t.Errorf("%s: %s", source.URL, resp.Status)
	}
	if _, err := cl.Publish(ctx, "admin/shop", client.Publication{Type: "order.created", Data: 1}); err != nil {
		c.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.http = &http.Client{Jar: jar}
	password := "correct horse battery"
	if _, err := cl.UpdateUser(ctx, "admin", client.UserPatch{Password: &password}); err != nil {
		c.t.Fatal(err)
	}
	resp, err = c.http.PostForm(c.base+"/login", url.Values{"username": {"admin"},
		"password": {password}, "next": {"/admin/shop"}})
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if at := resp.Request.URL.String(); !strings.HasPrefix(at, c.base+"/admin/shop") || resp.StatusCode != 200 {
		c.t.Fatalf("signing in leads to %s, %s", at, resp.Status)
	}
	link, err := cl.CreatePortalLink(ctx, "admin/shop", client.PortalLinkRequest{})
	if err != nil {
		c.t.Fatal(err)
	}
	if resp, err = c.http.Get(link.URL); err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if at := resp.Request.URL.String(); at != c.base+"/portal/admin/shop/webhooks" || resp.StatusCode != 200 {
		c.t.Fatalf("the link to the portal leads to %s, %s", at, resp.Status)
	}
	top, _ := url.Parse(c.base)
	above, _ := url.Parse(strings.TrimSuffix(c.base, top.Path))
	if cookies := jar.Cookies(above); len(cookies) > 0 {
		c.t.Errorf("other programs on the host get %v", cookies)
	}
}

// imports matches what a module imports.
var imports = regexp.MustCompile(`from "([^"]+)"`)

// visit reads a page or file of the server and what it refers to.
func (c *crawler) visit(address string) {
	address, _, _ = strings.Cut(address, "#")
	if c.seen[address] || strings.Contains(address, "cursor=") {
		return
	}
	c.seen[address] = true
	resp, err := c.http.Get(address)
	if err != nil {
		c.t.Error(err)
		return
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if at := resp.Request.URL.String(); err != nil || resp.StatusCode != http.StatusOK ||
		!strings.HasPrefix(at+"/", c.base+"/") {
		c.t.Errorf("%s leads to %s: %s, %v", address, at, resp.Status, err)
		return
	}
	refer := func(to string, follow bool) {
		u, err := resp.Request.URL.Parse(to)
		if err != nil {
			c.t.Errorf("%s has the link %q: %v", address, to, err)
			return
		}
		own := strings.HasPrefix(u.String()+"/", c.base+"/")
		if u.Host == resp.Request.URL.Host && !own {
			c.t.Errorf("%s has the link %q, which leads out", address, to)
		} else if own && follow && !strings.HasSuffix(u.Path, "/logout") {
			c.visit(u.String())
		}
	}
	switch kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); kind {
	case "text/javascript":
		for _, m := range imports.FindAllSubmatch(body, -1) {
			refer(string(m[1]), true)
		}
	case "text/html":
		doc, err := html.Parse(bytes.NewReader(body))
		if err != nil {
			c.t.Error(err)
			return
		}
		for n := range doc.Descendants() {
			isForm := n.Data == "form" && !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool {
				return a.Key == "method" && strings.EqualFold(a.Val, "get")
			})
			for _, a := range n.Attr {
				switch a.Key {
				case "href", "src":
					refer(a.Val, true)
				case "action", "formaction", "data-poll", "data-stream", "data-rows":
					refer(a.Val, a.Key == "action" && !isForm)
				}
			}
		}
	}
}
