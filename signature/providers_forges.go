package signature

// forges are hosts of Git repositories, and the trackers and build services around them.
func forges() []entry {
	return []entry{
		{
			name: "github", title: "GitHub",
			schemes:   []Scheme{{Header: "X-Hub-Signature-256", Prefix: "sha256="}},
			eventType: "X-GitHub-Event", id: "X-GitHub-Delivery",
			hint: "the text typed in as Secret of the webhook",
			setup: "In the repository's settings under Webhooks, add this address as Payload URL, choose " +
				"application/json and type the secret in.",
		}, {
			name: "gitlab", title: "GitLab",
			schemes:   append(standardWebhooks("Webhook"), Scheme{Algorithm: plain, Header: "X-Gitlab-Token"}),
			eventType: "X-Gitlab-Event",
			// Not X-Gitlab-Event-UUID: all events of one request to GitLab share it, and so do events that a webhook
			// triggered.
			id:   "Idempotency-Key|Webhook-Id",
			hint: "the signing token (whsec_…), or the secret token",
			setup: "In the project's settings under Webhooks, add this address with a signing token (GitLab 18.10 " +
				"and later) or a secret token.",
		}, {
			name: "gitea", title: "Gitea",
			schemes:   []Scheme{{Header: "X-Gitea-Signature"}},
			eventType: "X-Gitea-Event", id: "X-Gitea-Delivery",
			hint: "the text typed in as Secret of the webhook",
			setup: "In the repository's settings under Webhooks, add a Gitea webhook with this address, POST, " +
				"application/json and the secret.",
		}, {
			name: "forgejo", title: "Forgejo",
			schemes:   []Scheme{{Header: "X-Forgejo-Signature"}, {Header: "X-Gitea-Signature"}},
			eventType: "X-Forgejo-Event|X-Gitea-Event", id: "X-Forgejo-Delivery|X-Gitea-Delivery",
			hint: "the text typed in as Secret of the webhook",
			setup: "In the repository's settings under Webhooks, add a Forgejo webhook with this address, POST, " +
				"application/json and the secret.",
		}, {
			name: "gogs", title: "Gogs",
			schemes:   []Scheme{{Header: "X-Gogs-Signature"}},
			eventType: "X-Gogs-Event", id: "X-Gogs-Delivery",
			hint:  "the text typed in as Secret of the webhook",
			setup: "In the repository's settings under Webhooks, add a Gogs webhook with this address and the secret.",
		}, {
			name: "bitbucket", title: "Bitbucket Cloud",
			schemes:   []Scheme{{Header: "X-Hub-Signature", Prefix: "sha256="}},
			eventType: "X-Event-Key", id: "X-Request-UUID",
			hint:  "the text typed in as Secret of the webhook",
			setup: "In the repository's settings under Webhooks, add this address and a secret.",
		}, {
			name: "jira", title: "Jira",
			schemes:   []Scheme{{Header: "X-Hub-Signature", Prefix: "sha256="}},
			eventType: ".webhookEvent", id: "X-Atlassian-Webhook-Identifier",
			hint:  "the text typed in as Secret of the webhook",
			setup: "In the system settings under WebHooks, add this address and a secret.",
		}, {
			name: "linear", title: "Linear",
			schemes: []Scheme{{Header: "Linear-Signature", TimestampField: "webhookTimestamp", TimestampUnit: "ms",
				Tolerance: minute}},
			eventType: "Linear-Event|.type", id: "Linear-Delivery",
			hint: "the signing secret that Linear shows on the webhook's page",
			setup: "In the workspace's settings under API, create a webhook with this address and copy its " +
				"signing secret.",
		}, {
			name: "sentry", title: "Sentry",
			schemes:   []Scheme{{Header: "Sentry-Hook-Signature"}},
			eventType: "Sentry-Hook-Resource", id: "Request-ID",
			hint: "the client secret of the internal integration",
			setup: "In the organization's settings, create an internal integration with this address as webhook " +
				"URL and copy its client secret.",
		}, {
			name: "vercel", title: "Vercel",
			schemes:   []Scheme{{Header: "X-Vercel-Signature", Algorithm: sha1Hmac}},
			eventType: ".type", id: ".id",
			hint:  "the secret shown once when the webhook is made",
			setup: "In the team's settings under Webhooks, create one with this address and copy its secret.",
		}, {
			name: "cursor", title: "Cursor",
			schemes:   []Scheme{{Header: "X-Webhook-Signature", Prefix: "sha256="}},
			eventType: "X-Webhook-Event|.event", id: "X-Webhook-ID",
			hint:  "the secret given with the webhook",
			setup: "Give this address and a secret as webhook when you start an agent.",
		}, {
			name: "hookdeck", title: "Hookdeck",
			schemes: []Scheme{
				{Header: "X-Hookdeck-Signature", Encoding: "base64"},
				{Header: "X-Hookdeck-Signature-2", Encoding: "base64"}, // during a rotation
			},
			id:   "X-Hookdeck-EventID",
			hint: "the signing secret of the Hookdeck project",
			setup: "Make a destination with this address and Hookdeck's signature; the secret is in the project's " +
				"settings.",
		},
	}
}
