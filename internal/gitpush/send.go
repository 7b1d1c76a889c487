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

// Flushed says what became of the pushes that waited.
type Flushed struct {
	Sent    int
	Refused int    // put aside into hookyard-spool/refused
	Waiting int    // still, because of the error that comes with this
	Reason  string // of the last refusal
	Hint    string // something that went well, but not as it could; "" mostly
}

// chunk is how many publications go in one request.
const chunk = 500

// sender sends what waits in one repository.
type sender struct {
	settings Settings
	spool    spool
	server   *client.Client
	wants    map[string]bool // by project: model events, as the server said
	did      Flushed
}

// flush sends the entries in order until there is none or one has to wait; the error says why.
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

// one sends an entry and takes it away, or puts it aside.
func (s *sender) one(ctx context.Context, name string) error {
	e, err := s.spool.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody tidied up
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

// isFinal says whether the server would say the same thing every time. Who sends, and where to, can be mended.
func isFinal(err error) bool {
	var spoiled *spoiledError
	if errors.As(err, &spoiled) {
		return true
	}
	switch status := client.StatusOf(err); status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusTooManyRequests:
		return false
	default:
		return status/100 == 4
	}
}

// send publishes a push, and what it means to a model server where that is wanted.
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

// sendAll publishes a batch, of which each has its own answer.
func (s *sender) sendAll(ctx context.Context, project string, all []client.Publication) error {
	receipts, err := s.server.PublishAll(ctx, project, all)
	for i, r := range receipts {
		if err == nil && r.Error != "" {
			// not malformed: it can be tried again
			err = fmt.Errorf("%s of this push was not kept: %s", all[i].Type, r.Error)
		}
	}
	return err
}

// modelEvents says whether an entry's model events are to be sent. A token that may publish and no more cannot ask;
// then the setting decides, and without one they are left out.
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
			"the token may not ask whether %s wants model events; they are left out (setting: git config hookyard.modelEvents always|never)", e.Project)
		wanted, err = false, nil
	}
	if err == nil {
		s.wants[e.Project] = wanted
	}
	return wanted, err
}
