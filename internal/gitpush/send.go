package gitpush

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/hookyard/hookyard/client"
)

// Flushed is the result of sending the pushes in the spool.
type Flushed struct {
	Sent    int
	Refused int    // moved to hookyard-spool/refused
	Waiting int    // still in the spool, because of an error
	Reason  string // of the last refusal
	Hint    string // a hint on the configuration, or ""
}

// chunk is the number of publications in a request.
const chunk = 500

// sender sends the pushes in the spool of a repository.
type sender struct {
	settings Settings
	spool    spool
	server   *client.Client
	wants    map[string]bool // by project: whether the server wants model events
	did      Flushed
}

// flush sends the entries in order. It stops at the first that cannot be sent yet and returns why.
func (s *sender) flush(ctx context.Context) error {
	unlock, err := s.spool.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.spool.sweep(time.Now())
	for {
		names, err := s.spool.waiting()
		if err != nil || len(names) == 0 {
			return err
		}
		for i, name := range names {
			if err := s.one(ctx, name); err != nil {
				s.did.Waiting = len(names) - i
				return err
			}
		}
	}
}

// one sends an entry and removes it, or moves it to the refused ones.
func (s *sender) one(ctx context.Context, name string) error {
	e, err := s.spool.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed by the user
	}
	if err == nil {
		err = s.send(ctx, e)
	}
	switch {
	case err == nil:
		s.did.Sent++
		return s.spool.remove(name)
	case isFinal(err):
		s.did.Refused++
		s.did.Reason = err.Error()
		return s.spool.refuse(name, err.Error())
	}
	return err
}

// isFinal reports whether the server would always refuse the entry. Errors of authentication, rights and addresses are
// not final, because the user can correct them. Nor are those of a proxy, except that the entry is too large.
func isFinal(err error) bool {
	var corrupt *corruptError
	if errors.As(err, &corrupt) {
		return true
	}
	var refusal *client.Error
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Status {
	case http.StatusRequestEntityTooLarge:
		return true
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusTooManyRequests:
		return false
	default:
		return refusal.Code != "" && refusal.Status/100 == 4
	}
}

// send publishes a push and, if wanted, its model events.
func (s *sender) send(ctx context.Context, e *entry) error {
	push := client.Publication{ID: e.ID, Type: "push", Timestamp: e.Time, Data: e.Push}
	if _, err := s.server.Publish(ctx, e.Project, push); err != nil {
		return err
	}
	wanted, err := s.modelEvents(ctx, e)
	if err != nil || !wanted {
		return err
	}
	all := make([]client.Publication, 0, chunk)
	for i, m := range e.Model {
		all = append(all, client.Publication{ID: e.ID + "-" + strconv.Itoa(i+1), Type: m.Type, Timestamp: e.Time,
			Data: m.Data})
		if len(all) < chunk && i+1 < len(e.Model) {
			continue
		}
		if err := s.sendAll(ctx, e.Project, all); err != nil {
			return err
		}
		all = all[:0]
	}
	return nil
}

// sendAll publishes a batch. It returns the last error, of the request or of an event.
func (s *sender) sendAll(ctx context.Context, project string, all []client.Publication) error {
	receipts, err := s.server.PublishAll(ctx, project, all)
	for i, r := range receipts {
		if err == nil && r.Error != "" {
			// not malformed, so it can be retried
			err = fmt.Errorf("%s of this push was not stored: %s", all[i].Type, r.Error)
		}
	}
	return err
}

// modelEvents reports whether to send the model events of an entry. With [ModelAsk] it reads the project. If the token
// has no right to do so, they are not sent.
func (s *sender) modelEvents(ctx context.Context, e *entry) (bool, error) {
	if s.settings.ModelEvents != ModelAsk || len(e.Model) == 0 {
		return s.settings.ModelEvents == ModelAlways, nil
	}
	if wanted, known := s.wants[e.Project]; known {
		return wanted, nil
	}
	project, err := s.server.Project(ctx, e.Project)
	wanted := project.ModelEvents
	if status := client.StatusOf(err); status == http.StatusForbidden || status == http.StatusUnauthorized ||
		status == http.StatusNotFound {
		s.did.Hint = fmt.Sprintf(
			"the token may not ask whether %s wants model events; they are left out (setting: git config "+
				"hookyard.modelEvents always|never)", e.Project)
		wanted, err = false, nil
	}
	if err == nil {
		s.wants[e.Project] = wanted
	}
	return wanted, err
}
