package api

import (
	"net/http"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/signature"
)

func showServer(c *call) error {
	l := c.a.o.Limits
	return c.reply(http.StatusOK, client.ServerInfo{
		Name: "hookyard", Version: c.a.o.Version, Time: now(), Dev: c.a.o.Dev,
		Limits: client.Limits{Body: l.Body, URL: l.URL, Secret: l.Secret, Description: l.Description,
			Headers:         l.Headers,
			HooksPerProject: l.HooksPerProject, EventType: l.EventType, Batch: l.Batch},
	})
}

func listSourceTypes(c *call) error {
	out := client.SourceTypes{Types: []client.SourceType{}}
	for _, name := range signature.Names() {
		info, _ := signature.Lookup(name)
		out.Types = append(out.Types, client.SourceType{Type: name, Title: info.Title, NeedsSecret: info.NeedsSecret,
			SecretHint: info.SecretHint, Setup: info.Setup})
	}
	out.Types = append(out.Types, client.SourceType{Type: control.TypeRabbitMQ, Title: "RabbitMQ queue",
		Setup: "Give the broker's URL and the queue as rabbitmq; messages are acknowledged once they are kept."})
	return c.reply(http.StatusOK, out)
}
