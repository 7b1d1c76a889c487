package signature

// None is the name of the provider that verifies nothing and takes no secret.
const None = "none"

// generic are the ways to verify a sender that is not in the table. They name neither event type nor id.
func generic() []entry {
	return []entry{
		{
			name: None, title: "No verification", secret: unused,
			setup: "Anybody who knows the address can send. Use it for trials only.",
		}, {
			name: "token", title: "Token", code: token, method: "token", readsSecret: true,
			hint: "any text that only you and the sender know",
			setup: "Let the sender add the header Authorization: Bearer and the token, or ?token= and the token " +
				"to the address; scheme.header names another header.",
		}, {
			name: "basic", title: "User and password (HTTP Basic)", code: basic, method: "basic", readsSecret: true,
			hint:  "user:password",
			setup: "Give the sender the address with user:password@ before the host.",
		}, {
			name: "hmac", title: "Signature (any)",
			hint:  "the secret that the sender signs with, or its public key for ed25519",
			setup: "Describe in the scheme what the sender signs and where it puts the signature.",
		},
	}
}

// standardWebhooks returns the two schemes of Standard Webhooks 1.0, with its headers under the given prefix.
func standardWebhooks(prefix string) []Scheme {
	symmetric := Scheme{
		Header: prefix + "-Signature", Grammar: "list", Key: "v1", Encoding: "base64", KeyEncoding: standard,
		Content: "{id}.{ts}.{raw}", IDHeader: prefix + "-Id", TimestampHeader: prefix + "-Timestamp",
	}
	asymmetric := symmetric
	asymmetric.Algorithm = ed
	asymmetric.Key = "v1a"
	return []Scheme{symmetric, asymmetric}
}

// standards are providers that follow Standard Webhooks, with its headers or with Svix's older ones.
func standards() []entry {
	row := func(name, title, setup string) entry {
		return entry{
			name: name, title: title, schemes: append(standardWebhooks("Webhook"), standardWebhooks("Svix")...),
			eventType: ".type", id: "Webhook-Id|Svix-Id",
			hint: "the signing secret (whsec_…) or the public key (whpk_…) that the sender shows", setup: setup,
		}
	}
	return []entry{
		row("standard-webhooks", "Standard Webhooks",
			"Add the address at the sender and copy the signing secret that it shows."),
		row("svix", "Svix", "Add an endpoint with this address and copy its signing secret (whsec_…)."),
		row("openai", "OpenAI",
			"In the project's settings under Webhooks, create a webhook with this address and copy its secret."),
		row("clerk", "Clerk",
			"In the dashboard under Webhooks, add an endpoint with this address and copy its signing secret."),
		row("resend", "Resend", "Under Webhooks, add this address and copy the signing secret."),
		row("replicate", "Replicate",
			"Give this address as webhook of a prediction; the API's webhooks/default/secret returns the secret."),
	}
}
