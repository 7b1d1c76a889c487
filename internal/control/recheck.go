package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hookyard/hookyard"
)

// Rechecked is what came of a refused request that was checked again.
type Rechecked struct {
	Key     int64            // of the refused request
	Receipt hookyard.Receipt // of its event
	Reason  string           // why it was not accepted; "": it was
	Checked bool             // it was checked, and stays in the list if it is refused again
}

// Recheck checks refused requests of a source again, with the secrets that the source has now and the time at which
// each came: those with the keys, or all that are kept if there are no keys. What passes is accepted as if it had just
// come, the oldest first, and leaves the list. It fails with NotFound if none of the keys is in the list, with Conflict
// if the source is off or reads a queue, with TooMany beyond a limit of the project or its owner, and with Unavailable
// if the server cannot store more now. If some were checked before it had to stop, it returns them and no error: the
// reasons of the others say why.
func (p *Project) Recheck(ctx context.Context, source string, keys []int64) ([]Rechecked, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, err
	}
	s := p.Snapshot.Sources[source]
	switch {
	case s == nil:
		return nil, noSuchSource(source)
	case s.RabbitMQ != nil:
		return nil, hookyard.Errorf(hookyard.Conflict,
			"messages of a queue cannot be checked again: publish them again")
	case !s.Active:
		return nil, hookyard.Errorf(hookyard.Conflict, "source %s is off: switch it on first", s.Name)
	}
	if len(keys) == 0 {
		if keys, err = p.c.store.RefusedKeys(ctx, p.Key(), s.Name); err != nil {
			return nil, err
		}
	}
	out := []Rechecked{}
	checked, accepted := 0, 0
	var missing, stopped error
	for _, key := range keys {
		one := Rechecked{Key: key, Reason: notChecked(stopped)}
		if stopped == nil {
			one, err = p.recheck(ctx, s, key)
			switch {
			case errors.Is(err, hookyard.ErrNotFound):
				missing, one.Reason = err, err.Error()
			case err != nil:
				stopped, one.Reason = err, notChecked(err)
			case one.Reason == "":
				accepted++
			}
		}
		if out = append(out, one); one.Checked {
			checked++
		}
	}
	if checked == 0 {
		return out, cmp.Or(stopped, missing)
	}
	outcome := fmt.Sprintf("accepted %d, refused %d again", accepted, checked-accepted)
	if err := p.c.store.AuditRecheck(context.WithoutCancel(ctx), p.Key(), s.Name, outcome); err != nil {
		p.c.log.Warn("the check of refused requests is not in the audit log", "source", s.Name, "error", err)
	}
	return out, nil
}

// notChecked is the reason of those that are not checked because of an error before them.
func notChecked(err error) string {
	var known *hookyard.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &known):
		return "not checked: " + hookyard.Clean(known.Message, 500)
	}
	return "not checked, because the server failed: try again"
}

// recheck checks one refused request. What was accepted is no error, even if its entry could not be deleted.
func (p *Project) recheck(ctx context.Context, s *hookyard.Source, key int64) (Rechecked, error) {
	out := Rechecked{Key: key}
	rf, err := p.c.store.RefusedRequest(ctx, p.Key(), s.Name, key)
	if errors.Is(err, hookyard.ErrNotFound) {
		return out, hookyard.Errorf(hookyard.NotFound, "source %s has no refused request %d", s.Name, key)
	}
	if err != nil {
		return out, err
	}
	out.Checked = true
	if !rf.Whole {
		out.Reason = fmt.Sprintf("only a part of the request is kept, %d of %d bytes of its body and no credentials: "+
			"ask the sender to send it again", len(rf.Body), rf.Size)
		return out, nil
	}
	out.Receipt, err = p.c.ingest.Recheck(ctx, p.Snapshot, s, rf)
	var refused *hookyard.Error
	switch {
	case err == nil:
	case errors.As(err, &refused) && refused.Code != hookyard.Unavailable && refused.Code != hookyard.TooMany:
		out.Reason = hookyard.Clean(refused.Message, 500)
	default:
		out.Checked = false
		return out, err
	}
	if err := p.c.store.EndRefusal(context.WithoutCancel(ctx), key, out.Reason); err != nil {
		p.c.log.Warn("a refused request was checked again, and is in the list as before", "source", s.Name, "id", key,
			"error", err)
	}
	return out, nil
}
