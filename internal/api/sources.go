package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func listSources(c *call) error {
	found, err := c.project.Sources()
	if err != nil {
		return err
	}
	out := client.Sources{Sources: []client.Source{}}
	for _, s := range found {
		out.Sources = append(out.Sources, c.a.sourceJSON(c.project.Snapshot.Project, s))
	}
	return c.reply(http.StatusOK, out)
}

func showSource(c *call) error {
	s, err := c.project.Source(c.param("name"))
	if err != nil {
		return err
	}
	return c.replySource(http.StatusOK, s)
}

func putSource(c *call) error {
	in, err := c.sourcePatch()
	if err != nil {
		return err
	}
	s, created, err := c.project.PutSource(c.ctx(), c.param("name"), in)
	if err != nil {
		return c.stale(err, in.Revision)
	}
	if created {
		return c.replySource(http.StatusCreated, s)
	}
	return c.replySource(http.StatusOK, s)
}

func updateSource(c *call) error {
	if _, err := c.project.Source(c.param("name")); err != nil {
		return err
	}
	in, err := c.sourcePatch()
	if err != nil {
		return err
	}
	s, err := c.project.UpdateSource(c.ctx(), c.param("name"), in)
	if err != nil {
		return c.stale(err, in.Revision)
	}
	return c.replySource(http.StatusOK, s)
}

func removeSource(c *call) error {
	revision, err := c.revision(0)
	if err != nil {
		return err
	}
	if err := c.project.DeleteSource(c.ctx(), c.param("name"), revision); err != nil {
		return c.stale(err, revision)
	}
	return c.noContent()
}

func rotateSourceSecret(c *call) error {
	if _, err := c.project.Source(c.param("name")); err != nil {
		return err
	}
	in, err := c.rotation()
	if err != nil {
		return err
	}
	secret, err := c.project.RotateSourceSecret(c.ctx(), c.param("name"), in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.NewSecret{Secret: secret})
}

func listRefused(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	found, err := c.project.Refused(c.ctx(), c.param("name"), limit)
	if err != nil {
		return err
	}
	out := client.Refusals{Refused: []client.Refusal{}}
	for _, r := range found {
		one := client.Refusal{Refusal: r, Header: hookyard.DecodeHeader(r.Header)}
		one.Text, one.Base64 = textOrBytes(r.Body)
		out.Refused = append(out.Refused, one)
	}
	return c.reply(http.StatusOK, out)
}

func recheckRefused(c *call) error {
	var in client.RecheckRequest
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.Decode(&in); err != nil {
		return err
	}
	if in.All == (len(in.IDs) > 0) {
		return hookyard.FieldErrorf("ids", "give either ids, the refused requests to check again, or all")
	}
	if len(in.IDs) > control.MaxPage {
		return hookyard.FieldErrorf("ids", "ids holds %d, at most %d are allowed", len(in.IDs), control.MaxPage)
	}
	done, err := c.project.Recheck(c.ctx(), c.param("name"), in.IDs)
	if err != nil {
		return err
	}
	out := client.Rechecked{Requests: []client.RecheckedRequest{}}
	for _, r := range done {
		out.Requests = append(out.Requests, client.RecheckedRequest{ID: r.Key, EventID: r.Receipt.ID,
			Deliveries: r.Receipt.Deliveries, Duplicate: r.Receipt.Duplicate, Reason: r.Reason})
	}
	return c.reply(http.StatusOK, out)
}

func (c *call) sourcePatch() (in control.SourcePatch, err error) {
	if in.Revision, err = c.revision(0); err != nil {
		return in, err
	}
	body, err := c.object()
	if err != nil {
		return in, err
	}
	return in, body.Decode(&in, "name", "createdAt", "updatedAt", "revision")
}

func (c *call) replySource(status int, s *hookyard.Source) error {
	c.w.Header().Set("ETag", etag(s.Revision))
	return c.reply(status, c.a.sourceJSON(c.project.Snapshot.Project, s))
}

func (a *API) sourceJSON(p *hookyard.Project, s *hookyard.Source) client.Source {
	out := client.Source{
		Name: s.Name, Type: s.Type, Description: s.Description, Active: s.Active, Scheme: notNull(s.Scheme),
		EventType:  s.EventType,
		TypeHeader: s.TypeHeader, TypeField: s.TypeField, DedupHeader: s.DedupHeader, Ack: hookyard.AckAfterCommit,
		Rate:      s.Rate,
		Answer:    s.Answer,
		CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Revision: s.Revision,
	}
	for range hookyard.Live(s.Secrets, now()) {
		out.Secrets = append(out.Secrets, hookyard.Masked)
	}
	if s.RabbitMQ == nil {
		out.URL = a.o.BaseURL + "/in/" + url.PathEscape(p.Owner) + "/" + url.PathEscape(p.Name) + "/" +
			url.PathEscape(s.Name)
		return out
	}
	q := *s.RabbitMQ
	q.URL = hookyard.MaskURL(q.URL)
	out.RabbitMQ = &q
	return out
}

// textOrBytes is a body as JSON can hold it: as text when it is text, else as bytes.
func textOrBytes(b []byte) (string, []byte) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	return "", b
}

func notNull(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
