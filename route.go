package hookyard

import (
	"slices"
	"time"
)

// Verdict is whether a hook wants an event and, if not, why: the answer to "why did I not get it?".
type Verdict struct {
	Hook   *Hook
	Wanted bool
	Reason string
}

// Filter decides whether a hook's filter expression accepts an event. An error counts as no, and is shown.
type Filter func(h *Hook, e *Event) (bool, error)

// Wants reports whether hook h of project p wants event e. It does not ask whether the hook is on: an event a
// switched-off hook would have got is kept as [Skipped] and can be replayed.
func Wants(p *Project, h *Hook, e *Event, filter Filter) Verdict {
	v := Verdict{Hook: h}
	switch {
	case h.Events.All && !p.emits(e.Type):
		v.Reason = "all events are those of preset " + p.Preset + ", and " + quoteType(e.Type) + " is none of them"
		return v
	case !h.Events.Match(e.Type) && !(p.isSCM(e.Type) && h.Events.Match(typeSCM)):
		v.Reason = "its events do not include " + quoteType(e.Type)
		return v
	}
	if len(h.Channels) > 0 && !e.IsMeta() && !share(h.Channels, e.Channels) {
		v.Reason = "the event has none of its channels"
		return v
	}
	if len(h.Features) > 0 && !hasFeature(h, e) && !(p.isSCM(e.Type) && slices.Contains(h.Features, typeSCM)) {
		v.Reason = "the event's feature is not ticked"
		return v
	}
	if h.Filter != "" {
		ok, err := filter(h, e)
		if err != nil {
			v.Reason = "its filter could not decide: " + err.Error()
			return v
		}
		if !ok {
			v.Reason = "its filter refused the event"
			return v
		}
	}
	v.Wanted = true
	return v
}

// Route returns an event with the deliveries it gives rise to: pending for each hook that wants it, skipped where the
// hook is off. Project keys and ids are filled; the store fills EventSeq. No delivery is marked InMemory.
func Route(e *Event, s *Snapshot, filter Filter) *RoutedEvent {
	r := &RoutedEvent{Event: e, Fields: s.Fields}
	for _, h := range s.Hooks {
		if h.Deleted || !h.ExpiresAt.IsZero() && e.Time.After(h.ExpiresAt) || !Wants(s.Project, h, e, filter).Wanted {
			continue
		}
		r.Deliveries = append(r.Deliveries, newDelivery(e, h))
	}
	return r
}

// Add adds the delivery to h, whatever events h wants, unless there is one already.
func (r *RoutedEvent) Add(h *Hook) {
	if !slices.ContainsFunc(r.Deliveries, func(d NewDelivery) bool { return d.HookKey == h.Key }) {
		r.Deliveries = append(r.Deliveries, newDelivery(r.Event, h))
	}
}

func newDelivery(e *Event, h *Hook) NewDelivery {
	d := NewDelivery{Hook: h, Delivery: Delivery{
		EventSeq: e.Seq, HookKey: h.Key, ProjectKey: h.ProjectKey, EventID: e.ID, HookID: h.ID,
		State: Pending, Due: e.Time, UpdatedAt: e.Time,
	}}
	if wait := h.EffectiveSchedule()[0]; wait > 0 && !h.Ordered {
		d.Due = e.Time.Add(wait)
	}
	if reason, off := h.IsOff(); off {
		d.State, d.Reason = Skipped, reason
		d.Due = time.Time{}
	}
	return d
}

func quoteType(t string) string {
	if t == "" {
		return "events without a type"
	}
	return t
}
