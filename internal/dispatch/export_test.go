package dispatch

import "time"

// Sweep drops idle lanes as Run does.
func (d *Dispatcher) Sweep(now time.Time) { d.sweep(now) }
