// Package hookyard holds the nouns and the pure rules of hookyard: a server that receives, keeps, routes, sends and
// streams webhooks.
//
// # Words
//
// One word for one thing, in tables, types, JSON, URLs, flags and pages:
//
//   - project: "owner/name"; everything below belongs to one (not: workspace, app, tenant)
//   - source: a way in: the publish API, an inbound URL, a RabbitMQ queue, a Git repository (not: receiver)
//   - event: one immutable thing that came in: id, type, headers, raw bytes, time (not: message, request)
//   - hook: a way out: where, which events, how shaped, signed and retried (not: endpoint, subscription)
//   - delivery: one event owed to one hook, with a state (not: task, job)
//   - attempt: one try of a delivery, with request and response
//   - listener: a live reader holding a cursor (not: client, subscriber)
//   - bin: a throw-away source to look at what somebody sends
//
// # The way of one event
//
// [NewEvent] or [Publish] makes the event, [Route] decides which hooks are owed a delivery, the store keeps both in one
// transaction, and only then the sender gets its 2xx. Later [Decide] turns what a receiver answered into the delivery's
// next state. Everything here is a value or a pure function; what runs lives under internal/.
//
// The package imports the standard library only and does no I/O.
package hookyard
