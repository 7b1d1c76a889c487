// Svix's SDKs, unmodified, against a server: "make svix". A module of its own, so that the SDKs are not hookyard's
// dependencies.
module github.com/hookyard/hookyard/tools/svix

go 1.26.0

require github.com/svix/svix-webhooks v1.99.1

require github.com/google/uuid v1.6.0 // indirect
