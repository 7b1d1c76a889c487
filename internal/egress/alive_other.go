//go:build !unix

package egress

// alive always reports true: on this system only using a connection shows whether it is dead.
func (cn *conn) alive() bool { return true }
