package siptest

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// askStamps makes the kernel stamp each datagram of the socket as it arrives.
func askStamps(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("ask for receive times: %w", err)
	}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil {
		return fmt.Errorf("ask for receive times: %w", err)
	}
	if set != nil {
		return fmt.Errorf("ask for receive times: %w", set)
	}
	return nil
}

// stamp returns the kernel's receive time from a datagram's control messages, or else the present.
func stamp(oob []byte) time.Time {
	for len(oob) >= unix.SizeofCmsghdr {
		head, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		if head.Level == unix.SOL_SOCKET && head.Type == unix.SO_TIMESTAMPNS {
			switch len(data) { // struct timespec with 64-bit or 32-bit words
			case 16:
				return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
			case 8:
				return time.Unix(int64(binary.NativeEndian.Uint32(data)), int64(binary.NativeEndian.Uint32(data[4:])))
			}
		}
		oob = rest
	}
	return time.Now().Round(0)
}
