package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/hookyard/hookyard"
)

// Rechecked is what came of a refused request that was checked again.
type Rechecked struct {
	Key     int64            // of the refused request
	Receipt hookyard.Receipt // of its event
	Reason  string           // why it is refused again, and stays in the list; "": it was accepted
}

// Recheck checks refused requests of a source again, with the secrets that the source has now and the time at which
// each came: those with the keys, or all that are kept if there are no keys. What passes is accepted as if it had just
// come, the oldest first, and leaves the list. It fails with NotFound for a key that is not in the list, with Conflict
// if the source is off or reads a queue, with TooMany beyond a limit of the project or its owner, and with Unavailable
// if the server cannot store more now: what was accepted until then is in the result.
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
	accepted := 0
	for _, key := range keys {
		var one Rechecked
		if one, err = p.recheck(ctx, s, key); err != nil {
			break
		}
		if out = append(out, one); one.Reason == "" {
			accepted++
		}
	}
	if len(out) > 0 {
		outcome := fmt.Sprintf("accepted %d, refused %d again", accepted, len(out)-accepted)
		err = errors.Join(err, p.c.store.AuditRecheck(ctx, p.Key(), s.Name, outcome))
	}
	return out, err
}

// recheck checks one refused request.
func (p *Project) recheck(ctx context.Context, s *hookyard.Source, key int64) (Rechecked, error) {
	out := Rechecked{Key: key}
	rf, err := p.c.store.RefusedRequest(ctx, p.Key(), s.Name, key)
	if errors.Is(err, hookyard.ErrNotFound) {
		return out, hookyard.Errorf(hookyard.NotFound, "source %s has no refused request %d", s.Name, key)
	}
	if err != nil {
		return out, err
	}
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
		return out, err
	}
	return out, p.c.store.EndRefusal(ctx, key, out.Reason)
}
