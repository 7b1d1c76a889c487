package hookyard

import "time"

// RotationPhase says how far the change of the key of the secrets is.
type RotationPhase string

// The phases, in this order.
const (
	RotationNone      RotationPhase = "none"      // the key was never changed
	RotationWaiting   RotationPhase = "waiting"   // until every node has the new key
	RotationSwitching RotationPhase = "switching" // until every node encrypts with the new key
	RotationSealing   RotationPhase = "sealing"   // what is stored is encrypted with the new key
	RotationDone      RotationPhase = "done"      // nothing needs the key before
)

// KeyRotation is the change of the key that encrypts secrets in the database: the one under way, or the last one.
type KeyRotation struct {
	Phase      RotationPhase `json:"phase"`
	StartedAt  time.Time     `json:"startedAt,omitzero"`
	EndedAt    time.Time     `json:"endedAt,omitzero"`
	Sealed     int64         `json:"sealed"`
	Unreadable int64         `json:"unreadable"`
	WaitingFor []string      `json:"waitingFor,omitempty"`
}
