package signature

// business are tools for customers, calendars, forms and tasks.
func business() []entry {
	return []entry{
		{
			name: "hubspot", title: "HubSpot",
			schemes: []Scheme{{
				Header: "X-Hubspot-Signature-V3", Encoding: "base64", Content: "{method}{uri}{raw}{ts}",
				TimestampHeader: "X-Hubspot-Request-Timestamp", TimestampUnit: "ms",
			}},
			eventType: ".0.subscriptionType", // no id: one request holds many events, each with its own
			hint:      "the app's client secret",
			setup: "In the app's settings under Webhooks, enter exactly this address as target URL; the client " +
				"secret is under Auth.",
		}, {
			name: "zendesk", title: "Zendesk",
			schemes: []Scheme{{
				Header: "X-Zendesk-Webhook-Signature", Encoding: "base64", Content: "{ts}{raw}",
				TimestampHeader: "X-Zendesk-Webhook-Signature-Timestamp", TimestampUnit: "iso",
			}},
			eventType: ".type", id: "X-Zendesk-Webhook-Invocation-Id",
			hint: "the webhook's signing secret",
			setup: "In the Admin Center under Apps and integrations, Webhooks, create one with this address and " +
				"reveal its secret.",
		}, {
			name: "intercom", title: "Intercom",
			schemes:   []Scheme{{Header: "X-Hub-Signature", Prefix: "sha1=", Algorithm: sha1Hmac}},
			eventType: ".topic", id: ".id",
			hint: "the app's client secret",
			setup: "In the developer hub under Webhooks, enter this address; the client secret is under Basic " +
				"information.",
		}, {
			name: "calendly", title: "Calendly",
			schemes: []Scheme{{Header: "Calendly-Webhook-Signature", Grammar: "pairs", Key: "v1", TimestampKey: "t",
				Content: "{ts}.{raw}"}},
			eventType: ".event",
			hint:      "the signing_key given with the subscription",
			setup:     "Create a webhook subscription through the API with this address and a signing_key.",
		}, {
			name: "typeform", title: "Typeform",
			schemes:   []Scheme{{Header: "Typeform-Signature", Prefix: "sha256=", Encoding: "base64"}},
			eventType: ".event_type", id: ".event_id",
			hint:  "the text typed in as Secret of the webhook",
			setup: "In the form under Connect, Webhooks, add this address and, under Edit, a secret.",
		}, {
			name: "okta", title: "Okta event hook",
			schemes:   []Scheme{{Algorithm: plain, Header: "Authorization"}},
			eventType: ".eventType", id: ".eventId", handshake: oktaHandshake,
			hint: "the value of the authentication field, whole",
			setup: "Under Workflow, Event Hooks, create one with this address, authentication field Authorization " +
				"and the secret; then press Verify.",
		}, {
			name: "asana", title: "Asana",
			schemes: []Scheme{{Header: "X-Hook-Signature"}}, secret: later, handshake: asanaHandshake,
			hint: "the X-Hook-Secret that Asana's answer holds when the webhook is made",
			setup: "Make the source, create the webhook through Asana's API with this address as target, then " +
				"store the X-Hook-Secret of its answer here.",
		},
	}
}

// tools are providers of sites, files and boards.
func tools() []entry {
	return []entry{
		{
			name: "webflow", title: "Webflow",
			schemes: []Scheme{{
				Header: "X-Webflow-Signature", Content: "{ts}:{raw}", TimestampHeader: "X-Webflow-Timestamp",
				TimestampUnit: "ms",
			}},
			eventType: ".triggerType",
			hint:      "the secret of the webhook, or the app's client secret",
			setup: "Create the webhook through Webflow's API with this address; those made in the dashboard are " +
				"not signed.",
		}, {
			name: "dropbox", title: "Dropbox",
			schemes: []Scheme{{Header: "X-Dropbox-Signature"}}, handshake: dropboxHandshake,
			hint:  "the app secret",
			setup: "In the app console under Webhooks, add this address.",
		}, {
			name: "trello", title: "Trello",
			schemes: []Scheme{{Header: "X-Trello-Webhook", Algorithm: sha1Hmac, Encoding: "base64",
				Content: "{raw}{url}"}},
			eventType: ".action.type", id: ".action.id", handshake: trelloHandshake,
			hint:  "the application secret of the Power-Up",
			setup: "Create a webhook through Trello's API with exactly this address as callbackURL.",
		},
	}
}
