//go:build unix

package egress

import "syscall"

// alive reports whether an idle connection looks usable: open, and with nothing to read. What a server sends unasked, a
// 408 or a TLS alert, precedes the end of the connection.
func (cn *conn) alive() bool {
	sc, ok := cn.raw.(syscall.Conn)
	if !ok {
		return true
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	})
	return err == nil && quiet
}
