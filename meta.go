package hookyard

// The types of hookyard's own events. Their bodies are those of published events, see [NewMeta].
const (
	MetaHookDisabled   = "hookyard.hook.disabled"   // data: HookDisabled
	MetaDeliveryFailed = "hookyard.delivery.failed" // data: DeliveryFailed
	MetaAudit          = "hookyard.audit"           // data: AuditEntry; only with --audit-project
)

// HookDisabled is the data of an event that says that a hook was switched off because its receiver keeps failing.
type HookDisabled struct {
	DeliveryID string `json:"deliveryId" doc:"the delivery whose failure it was"`
	Failures   int    `json:"failures" doc:"in a row"`
	HookID     string `json:"hookId"`
	Project    string `json:"project" doc:"owner/name"`
	Reason     string `json:"reason"`
	URL        string `json:"url" doc:"origin of the hook's URL"`
}

// DeliveryFailed is the data of an event that says that no further attempt of a delivery will be made.
type DeliveryFailed struct {
	Attempts   int    `json:"attempts"`
	DeliveryID string `json:"deliveryId"`
	EventID    string `json:"eventId"`
	EventType  string `json:"eventType"`
	HookID     string `json:"hookId"`
	Project    string `json:"project" doc:"owner/name"`
	Reason     string `json:"reason"`
	URL        string `json:"url" doc:"origin of the hook's URL"`
}
