package web

import (
	"net/http"
	"net/url"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// deliveriesPage lists and searches deliveries.
type deliveriesPage struct {
	base
	Query      map[string]string
	Deliveries []hookyard.Delivery
	Hooks      []*hookyard.Hook
	Older      string
	Newest     string
	Searched   bool
}

func listDeliveries(v *visit) error {
	p := &deliveriesPage{Query: map[string]string{}, Hooks: v.project.Snapshot.Hooks}
	p.Tab = "deliveries"
	keep := url.Values{}
	for _, name := range []string{"hook", "replay", "state", "since", "until", "tz"} {
		if p.Query[name] = v.get(name); p.Query[name] != "" {
			keep.Set(name, p.Query[name])
			p.Searched = p.Searched || name != "tz"
		}
	}
	eq, err := v.eventSearch()
	if err != nil {
		return v.showInvalid(err, "Deliveries", p)
	}
	q := control.DeliverySearch{Hook: eq.Hook, Replay: v.get("replay"), DeliveryQuery: hookyard.DeliveryQuery{
		State: eq.State, Since: eq.Since, Until: eq.Until, Before: v.get("after"), Limit: eventsShown,
	}}
	var next string
	if p.Deliveries, next, err = v.project.Deliveries(v.ctx(), q); err != nil {
		return v.showInvalid(searchFault(err), "Deliveries", p)
	}
	if q.Before != "" {
		p.Newest = "?" + keep.Encode()
	}
	if next != "" {
		keep.Set("after", next)
		p.Older = "?" + keep.Encode()
	}
	return v.show(http.StatusOK, "Deliveries", p)
}
