package budget

import "runtime/debug"

// collectFrom is the size in bytes of a body from which [Collect] does anything.
const collectFrom = 4 << 20

// Collect returns unused memory to the system if n bytes are many. Call it before allocating memory for a body of n
// bytes: otherwise several dropped bodies of that size stay beside it, until the heap has grown by its usual factor.
func Collect(n int64) {
	if n >= collectFrom {
		debug.FreeOSMemory()
	}
}
