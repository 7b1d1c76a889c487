package control

import (
	"context"

	"github.com/hookyard/hookyard"
)

// FillStatus says of each delivery what happens to it at this moment: its Status, with Position, Rate and Due as that
// needs. What other nodes are sending it takes from the order in which they claimed it. The deliveries must be the
// project's. The cost is bounded: of many hooks in one list, positions are counted less far.
func (p *Project) FillStatus(ctx context.Context, list []hookyard.Delivery) error {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return err
	}
	pending := map[int64][]*hookyard.Delivery{}
	for i := range list {
		d := &list[i]
		if d.Status = hookyard.Status(d.State); d.Open() {
			d.Status = ""
			pending[d.HookKey] = append(pending[d.HookKey], d)
		}
	}
	for key, deliveries := range pending {
		limit := max(hookyard.MaxPosition/len(pending), 100)
		if err := p.c.fillStatus(ctx, key, deliveries, limit); err != nil {
			return err
		}
	}
	return nil
}

// fillStatus is FillStatus for the pending deliveries of one hook. Positions are counted to limit.
func (c *Control) fillStatus(ctx context.Context, hookKey int64, list []*hookyard.Delivery, limit int) error {
	h, err := c.store.HookByKey(ctx, hookKey)
	if err != nil {
		return err
	}
	lane, now := c.dispatcher.Lane(hookKey), now()
	rest := h.Health.RestUntil
	if lane.RestUntil.After(rest) {
		rest = lane.RestUntil
	}
	waiting := map[int64]*hookyard.Delivery{}
	for _, d := range list {
		switch {
		case lane.Sending[d.EventSeq]:
			d.Status = hookyard.Sending
		case rest.After(now):
			d.Status = hookyard.Resting
			if d.Due.Before(rest) {
				d.Due = rest
			}
		case d.Due.After(now):
			d.Status = hookyard.Scheduled
		default:
			waiting[d.EventSeq] = d
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	queue, err := c.store.Queue(ctx, h, now, limit)
	if err != nil {
		return err
	}
	for seq, d := range waiting {
		place, found := queue[seq]
		if !found {
			place.Position = limit + 1
		}
		if place.Elsewhere && place.Position <= h.EffectiveInFlight() {
			d.Status = hookyard.Sending
			continue
		}
		d.Status, d.Position = hookyard.Queued, place.Position
		if lane.Held {
			d.Status, d.Rate = hookyard.Held, h.Rate
		}
		if place.Position > limit && limit < hookyard.MaxPosition {
			d.Position = 0 // not counted as far as MaxPosition: unknown
		}
	}
	return nil
}

// Sending returns how many deliveries of a hook this node is sending. It fails with NotFound when there is no such
// hook.
func (p *Project) Sending(hook string) (int, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return 0, err
	}
	h, err := p.hook(hook)
	if err != nil {
		return 0, err
	}
	return len(p.c.dispatcher.Lane(h.Key).Sending), nil
}
