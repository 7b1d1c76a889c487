package app

import (
	"fmt"
	"net/http"
)

// What a node does, by --role.
const (
	roleAll     = "all"
	roleAccept  = "accept"
	roleDeliver = "deliver"
)

func (c *Config) checkRole() error {
	switch {
	case c.Role != roleAll && c.Role != roleAccept && c.Role != roleDeliver:
		return fmt.Errorf("--role %q: use all, accept or deliver", c.Role)
	case c.Role != roleAll && !c.IsPostgres():
		return fmt.Errorf("--role %s: only nodes that share a PostgreSQL database can share the work; with SQLite use "+
			"all", c.Role)
	}
	return nil
}

// health serves what a node of any role answers to.
func (a *App) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	if a.config.Metrics && a.config.MetricsListen == "" {
		mux.Handle("GET /metrics", a.metrics.handler(a.config.MetricsToken))
	}
}

// sendsOnly refuses all other requests to a node that delivers.
func (a *App) sendsOnly(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this node only sends (setting: --role): ask a node that accepts", http.StatusNotFound)
}
