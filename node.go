package hookyard

import "time"

// Node is a run of a server process. Several can be at one PostgreSQL database.
type Node struct {
	Name    string    `json:"name" doc:"--node-name"`
	Version string    `json:"version" doc:"of hookyard"`
	Started time.Time `json:"startedAt"`
	Seen    time.Time `json:"seenAt" doc:"of its last heartbeat, by the database's clock"`
	Lag     Duration  `json:"lag" doc:"how long the oldest due delivery that it has claimed has waited"`
	Clock   Duration  `json:"clockDifference" doc:"how far its clock is ahead of the database's; negative: behind"`
	Self    bool      `json:"self" doc:"it is the node that answers"`
}
