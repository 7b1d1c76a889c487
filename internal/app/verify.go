package app

import (
	"cmp"
	"fmt"
	"os"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/oidc"
	"github.com/hookyard/hookyard/internal/web"
)

// Verify refuses options with which no server can start, beyond what Complete does: it makes everything that follows
// from options alone, and reads the files that they name. It connects to nothing. c must be complete.
func (c *Config) Verify() error {
	client, err := c.egress("")
	if err != nil {
		return err
	}
	client.Close()
	if _, err := c.defaultHooks(); err != nil {
		return err
	}
	if _, err := c.signOn(); err != nil {
		return err
	}
	if _, err := exporterOptions(c.OTLPEndpoint); err != nil {
		return err
	}
	if c.TLSCert != "" {
		if _, err := (&keyPair{cert: c.TLSCert, key: c.TLSKey}).get(nil); err != nil {
			return err
		}
	}
	return nil
}

// egress makes the way to receivers.
func (c *Config) egress(userAgent string) (*egress.Client, error) {
	return egress.New(egress.Options{Allow: c.AllowTargets, Proxy: c.Proxy, UserAgent: userAgent, MaxIdlePerHost: 64})
}

// defaultHooks reads the hooks that every new project gets: a JSON object of hooks by id, as the API takes them. One
// without a url is configuration only and is not added.
func (c *Config) defaultHooks() ([]hookyard.Hook, error) {
	if c.DefaultHooks == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.DefaultHooks)
	if err != nil {
		return nil, fmt.Errorf("--default-hooks: %w", err)
	}
	hooks, err := api.ParseDefaultHooks(b)
	if err != nil {
		return nil, fmt.Errorf("--default-hooks %s: %w", c.DefaultHooks, err)
	}
	for i := range hooks {
		if err := hooks[i].Validate(nil, c.Limits); err != nil {
			return nil, fmt.Errorf("--default-hooks %s: hook %s: %w", c.DefaultHooks, hooks[i].ID, err)
		}
	}
	return hooks, nil
}

// signOn makes the provider that people may sign in by, nil when there is none.
func (c *Config) signOn() (*oidc.Provider, error) {
	if c.OIDCIssuer == "" || c.Dev {
		return nil, nil
	}
	return oidc.New(oidc.Options{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret,
		RedirectURL: cmp.Or(c.BaseURL, "http://"+c.Listen) + web.SignOnReturn,
		Allow:       c.OIDCAllow, Admins: c.OIDCAdmins, GroupsClaim: c.OIDCGroupsClaim,
	})
}
