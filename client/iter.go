package client

import (
	"context"
	"iter"

	"github.com/hookyard/hookyard"
)

// The iterators below read page after page, as the loop goes on, and so hold one page in memory. They begin at the
// query's Cursor; its Limit is the size of a page. An error ends the loop and comes with the zero value. What is added
// to the list meanwhile is not seen.

// AllEvents iterates over the events that [Client.Events] lists, newest first, to the last one.
func (c *Client) AllEvents(ctx context.Context, project string, q EventQuery) iter.Seq2[Event, error] {
	return all(q.Cursor, func(cursor string) ([]Event, string, error) {
		q.Cursor = cursor
		page, err := c.Events(ctx, project, q)
		return page.Events, page.Cursor, err
	})
}

// AllDeliveries iterates over the deliveries that [Client.Deliveries] lists.
func (c *Client) AllDeliveries(ctx context.Context, project string, q DeliveryQuery) iter.Seq2[Delivery, error] {
	return all(q.Cursor, func(cursor string) ([]Delivery, string, error) {
		q.Cursor = cursor
		page, err := c.Deliveries(ctx, project, q)
		return page.Deliveries, page.Cursor, err
	})
}

// AllProjects iterates over the projects that [Client.Projects] lists.
func (c *Client) AllProjects(ctx context.Context, p Page) iter.Seq2[Project, error] {
	return all(p.Cursor, func(cursor string) ([]Project, string, error) {
		p.Cursor = cursor
		page, err := c.Projects(ctx, p)
		return page.Projects, page.Cursor, err
	})
}

// AllAudit iterates over the changes that [Client.Audit] lists.
func (c *Client) AllAudit(ctx context.Context, project string, q AuditQuery) iter.Seq2[hookyard.AuditEntry, error] {
	return all(q.Cursor, func(cursor string) ([]hookyard.AuditEntry, string, error) {
		q.Cursor = cursor
		page, err := c.Audit(ctx, project, q)
		return page.Audit, page.Cursor, err
	})
}

// all iterates over the entries of pages. get returns the page at a cursor and the cursor of the next, "" after the
// last.
func all[T any](cursor string, get func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := cursor; ; {
			entries, next, err := get(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if next == "" || next == at {
				return
			}
			at = next
		}
	}
}
