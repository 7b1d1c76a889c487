// Package signature verifies webhooks of some fifty providers and signs webhooks by Standard Webhooks 1.0.
//
// It uses the standard library only, does no I/O, and knows nothing of the rest of hookyard. Each provider is one row
// of a table, and most rows are a [Scheme] and nothing else: a scheme of your own works the same way.
//
// # Usage
//
// Create a [Verifier] once and use it for every request of one sender:
//
//	v, err := signature.New("github", []string{os.Getenv("WEBHOOK_SECRET")}, nil)
//	if err != nil {
//		log.Fatal(err)
//	}
//	http.HandleFunc("/webhook", func(w http.ResponseWriter, r *http.Request) {
//		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 25<<20))
//		if err != nil {
//			http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
//			return
//		}
//		result, err := v.Verify(&signature.Request{
//			Method: r.Method,
//			URL:    "https://hooks.example.org" + r.URL.RequestURI(),
//			Header: r.Header,
//			Body:   body,
//		})
//		if err != nil {
//			http.Error(w, err.Error(), http.StatusUnauthorized)
//			return
//		}
//		if result.Response != nil { // a handshake, not an event
//			result.Response.Write(w)
//			return
//		}
//		handle(result.EventType, body)
//	})
//
// To sign, see [SignStandard] and [SignGitHub].
//
// # Security
//
//   - Signatures and tokens are compared in constant time, tokens by their digests so that length does not leak either.
//   - The signature covers the bytes of the body. Verify what you read from the connection, not what a JSON library
//     wrote again, and decode only after Verify has returned without an error.
//   - Where the provider signs a timestamp, one that is more than five minutes off, in either direction, is refused;
//     some providers allow a different time. [Scheme.Tolerance] changes it.
//   - Within the tolerance, and for providers that sign no timestamp, a captured request can be sent again. Remember
//     [Result.DeliveryID] and drop repeats.
//   - Some providers sign the URL they call. Behind a proxy the server sees another one: build [Request.URL] from your
//     public address, or set [Scheme.URL].
//   - Every secret passed to [New] is accepted. Pass the new and the old one while you rotate them, then drop the old.
//   - A header that must be unique and is not is refused, as is an empty secret.
//
// # Providers
//
// The table lists the name, which is the first argument of [New]; the title; and what verifies a request. Where it says
// timestamp or URL, the signature covers them and they are checked; token and the name of a header mean that the header
// holds the secret itself. A handshake is a request by which the provider checks the receiver before it sends events:
// see [Result.Response]. [Lookup] returns setup instructions.
//
// The providers:
//
//	asana             Asana                                hmac-sha256; handshake
//	basic             User and password (HTTP Basic)       user and password
//	bitbucket         Bitbucket Cloud                      hmac-sha256
//	calendly          Calendly                             hmac-sha256, timestamp
//	chargebee         Chargebee                            user and password
//	clerk             Clerk                                hmac-sha256 or ed25519, timestamp
//	cursor            Cursor                               hmac-sha256
//	deepgram          Deepgram                             token Dg-Token
//	discord           Discord                              ed25519, timestamp; handshake
//	docusign          Docusign Connect                     hmac-sha256
//	dropbox           Dropbox                              hmac-sha256; handshake
//	elevenlabs        ElevenLabs                           hmac-sha256, timestamp
//	forgejo           Forgejo                              hmac-sha256
//	gitea             Gitea                                hmac-sha256
//	github            GitHub                               hmac-sha256
//	gitlab            GitLab                               hmac-sha256 or ed25519 or token X-Gitlab-Token, timestamp
//	gogs              Gogs                                 hmac-sha256
//	hmac              Signature (any)                      the scheme given to New
//	hookdeck          Hookdeck                             hmac-sha256
//	hubspot           HubSpot                              hmac-sha256, timestamp, URL
//	intercom          Intercom                             hmac-sha1
//	jira              Jira                                 hmac-sha256
//	lemonsqueezy      Lemon Squeezy                        hmac-sha256
//	line              LINE                                 hmac-sha256
//	linear            Linear                               hmac-sha256, timestamp
//	meta              Meta (Facebook, Instagram, WhatsApp) hmac-sha256; handshake
//	none              No verification                      nothing
//	okta              Okta event hook                      token Authorization; handshake
//	openai            OpenAI                               hmac-sha256 or ed25519, timestamp
//	paddle            Paddle Billing                       hmac-sha256, timestamp
//	postmark          Postmark                             user and password
//	replicate         Replicate                            hmac-sha256 or ed25519, timestamp
//	resend            Resend                               hmac-sha256 or ed25519, timestamp
//	sentry            Sentry                               hmac-sha256
//	shopify           Shopify                              hmac-sha256
//	slack             Slack                                hmac-sha256, timestamp; handshake
//	square            Square                               hmac-sha256, URL
//	standard-webhooks Standard Webhooks                    hmac-sha256 or ed25519, timestamp
//	stripe            Stripe                               hmac-sha256, timestamp
//	svix              Svix                                 hmac-sha256 or ed25519, timestamp
//	telegram          Telegram bot                         token X-Telegram-Bot-Api-Secret-Token
//	telnyx            Telnyx                               ed25519, timestamp
//	token             Token                                token
//	trello            Trello                               hmac-sha1, URL; handshake
//	twilio            Twilio                               hmac-sha1, URL
//	twitch            Twitch EventSub                      hmac-sha256, timestamp; handshake
//	typeform          Typeform                             hmac-sha256
//	vercel            Vercel                               hmac-sha1
//	webflow           Webflow                              hmac-sha256, timestamp
//	woocommerce       WooCommerce                          hmac-sha256; handshake
//	xero              Xero                                 hmac-sha256
//	zendesk           Zendesk                              hmac-sha256, timestamp
//	zoom              Zoom                                 hmac-sha256, timestamp; handshake
package signature
