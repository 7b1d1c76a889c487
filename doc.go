// Package hookyard defines the nouns and the pure rules of hookyard: a server that receives, stores, routes, sends and
// streams webhooks.
//
// # Words
//
// Each thing has one word, which tables, types, JSON, URLs, flags and pages share:
//
//   - project: "owner/name"; everything below belongs to one (not: workspace, app, tenant)
//   - owner: the part of a project's name before the slash (not: organisation, account)
//   - source: a way in: the publish API, an inbound URL, a RabbitMQ queue, a Git repository (not: receiver)
//   - event: one immutable thing that came in: id, type, headers, raw bytes, time (not: message, request)
//   - hook: a way out: where to send, which events, how to format, sign and retry (not: endpoint, subscription)
//   - delivery: one event owed to one hook, with a state (not: task, job)
//   - attempt: one attempt of a delivery, with request and response
//   - listener: a live reader with a cursor (not: client, subscriber)
//   - bin: a throw-away source to inspect what a sender sends
//   - catalogue: the event types of a project (not: registry)
//
// People and programs are users (who sign in), operators (who run the server), callers (of the API), senders (to a
// source) and receivers (behind a hook).
//
// # The way of one event
//
// [NewEvent] or [Publish] creates the event. [Route] decides which hooks are owed a delivery. The store commits event
// and deliveries in one transaction, and only then the sender gets its 2xx. Later [Decide] turns the receiver's
// response into the delivery's next state. Everything here is a value or a pure function; what runs is under internal/.
//
// # Ids
//
// Ids are TypeIDs: a prefix for the kind of thing, such as evt_ or req_, and a UUIDv7 in base32. They sort by
// time of creation. See [NewID].
//
// The package imports the standard library only and does no I/O.
package hookyard
