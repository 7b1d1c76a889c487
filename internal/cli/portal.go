package cli

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newPortal(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "portal", Short: "Portals: pages where your customers manage the hooks of a project",
		Example: `  hookyard portal link acme/cust-4711 --ttl 1h
  hookyard portal revoke acme/cust-4711
  hookyard portal look acme --name Acme --accent '#b3261e' --logo logo.png`,
	}
	return group(c, newPortalLink(s), newPortalRevoke(s), newPortalLook(s))
}

func newPortalLink(s *session) *cobra.Command {
	r := client.PortalLinkRequest{TTL: hookyard.Duration(hookyard.DefaultPortalTTL)}
	var hide []string
	c := &cobra.Command{
		Use: "link PROJECT", Short: "Create a link that opens the portal of a project, once",
		Long: `Create a link that opens the portal of a project, once. Only the link is printed
on stdout. Whoever opens it first manages the hooks of the project until the
session ends: on sign-out, after --ttl, or by "hookyard portal revoke".`,
		Example: `  hookyard portal link acme/cust-4711 --return-url https://app.acme.example/settings
  hookyard portal link acme/cust-4711 --ttl 10m --read-only --hide verify`,
	}
	c.Flags().Var(&r.TTL, "ttl", "how long the link can be opened, and how long the session lasts from then")
	c.Flags().BoolVar(&r.ReadOnly, "read-only", false, "the session can change nothing, and sees no secrets")
	c.Flags().StringVar(&r.ReturnURL, "return-url", "", "URL that the portal links back to")
	c.Flags().StringSliceVar(&hide, "hide", nil, "pages to leave out: deliveries, catalogue, verify")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !isPath(args[0]) {
			return usagef("project %q: use owner/name", args[0])
		}
		for _, part := range hide {
			r.Hide = append(r.Hide, hookyard.PortalPart(part))
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		l, err := cl.CreatePortalLink(c.Context(), args[0], r)
		if err != nil {
			return err
		}
		return s.show(l, func() error {
			s.say("The link works once, until %s.", s.when(l.ExpiresAt))
			return s.println("%s", l.URL)
		})
	}
	return takes(c, 1, 1)
}

func newPortalRevoke(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "revoke PROJECT", Short: "End all sessions in the portal of a project, and make its links useless",
		Example: "  hookyard portal revoke acme/cust-4711",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if !isPath(args[0]) {
			return usagef("project %q: use owner/name", args[0])
		}
		cl, err := s.client()
		if err != nil {
			return err
		}
		out, err := cl.RevokePortal(c.Context(), args[0])
		if err != nil {
			return err
		}
		return s.show(out, func() error {
			s.say("revoked %s and %s", hookyard.Count(out.Links, "link"), hookyard.Count(out.Sessions, "session"))
			return nil
		})
	}
	return takes(c, 1, 1)
}

// lookFlags are the flags of portal look. Each changes the setting that it names.
type lookFlags struct {
	name, logo, accent, accentDark, font, theme string
	frames                                      []string
}

func newPortalLook(s *session) *cobra.Command {
	var f lookFlags
	c := &cobra.Command{
		Use: "look OWNER", Short: "Show or change how the portals of an owner's projects look",
		Long: `Show or change how the portals of an owner's projects look. What no flag names
stays; an empty value is hookyard's own. Colours are made darker or lighter where
text could not be read.`,
		Example: `  hookyard portal look acme
  hookyard portal look acme --name Acme --logo logo.png --accent '#b3261e' --font humanist
  hookyard portal look acme --frame https://app.acme.example`,
	}
	c.Flags().StringVar(&f.name, "name", "", "name of the owner, as customers know it")
	c.Flags().StringVar(&f.logo, "logo", "", "https URL of a picture, or a file of at most 48 KiB")
	c.Flags().StringVar(&f.accent, "accent", "", "colour of buttons and links, such as #3550c8")
	c.Flags().StringVar(&f.accentDark, "accent-dark", "", "the same for the dark theme (default: --accent, lighter)")
	c.Flags().StringVar(&f.font, "font", "", strings.Join(hookyard.LookFonts(), ", "))
	c.Flags().StringVar(&f.theme, "theme", "", "light or dark (default: as the browser prefers)")
	c.Flags().StringSliceVar(&f.frames, "frame", nil, "origin whose pages may embed the portals; can be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := s.client()
		if err != nil {
			return err
		}
		l, err := cl.Look(c.Context(), args[0])
		if err != nil {
			return err
		}
		changed, err := f.apply(c, &l)
		if err != nil {
			return err
		}
		if changed {
			if l, err = cl.SetLook(c.Context(), args[0], l); err != nil {
				return err
			}
		}
		return s.show(l, func() error {
			logo := l.Logo
			if strings.HasPrefix(logo, "data:") {
				logo = "a picture of " + hookyard.Count(len(logo), "byte")
			}
			return s.card(field{"name", l.Name}, field{"logo", logo}, field{"accent", l.Accent},
				field{"accent, dark", l.AccentDark}, field{"font", l.Font}, field{"theme", l.Theme},
				field{"frames", strings.Join(l.Frames, " ")})
		})
	}
	return takes(c, 1, 1)
}

// apply sets what flags give, and reports whether any was given.
func (f *lookFlags) apply(c *cobra.Command, l *hookyard.Look) (changed bool, err error) {
	for flag, to := range map[string]struct{ from, to *string }{
		"name": {&f.name, &l.Name}, "accent": {&f.accent, &l.Accent}, "accent-dark": {&f.accentDark, &l.AccentDark},
		"font": {&f.font, &l.Font}, "theme": {&f.theme, &l.Theme},
	} {
		if c.Flags().Changed(flag) {
			*to.to, changed = *to.from, true
		}
	}
	if c.Flags().Changed("logo") {
		if l.Logo, err = logoOf(f.logo); err != nil {
			return false, err
		}
		changed = true
	}
	if c.Flags().Changed("frame") {
		l.Frames, changed = slices.DeleteFunc(f.frames, func(s string) bool { return s == "" }), true
	}
	return changed, nil
}

// logoOf returns a URL as it is, and of a file the URL that holds it.
func logoOf(logo string) (string, error) {
	if logo == "" || strings.HasPrefix(logo, "https://") || strings.HasPrefix(logo, "data:") {
		return logo, nil
	}
	info, err := os.Stat(logo)
	if err != nil {
		return "", usagef("--logo %q: give an https URL or a file: %v", logo, err)
	}
	if info.IsDir() || info.Size() > 48<<10 {
		return "", usagef("--logo %q is no file of at most 48 KiB: give the https URL of the picture", logo)
	}
	b, err := os.ReadFile(logo)
	if err != nil {
		return "", err
	}
	kind := http.DetectContentType(b)
	if filepath.Ext(logo) == ".svg" {
		kind = "image/svg+xml"
	}
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b), nil
}
