// Package embedded is the store that needs no set-up: the gateway runs a private redis-server (or valkey-server) as its child,
// and where the machine has neither, an in-process miniredis that keeps nothing.
//
//	            ┌ binary found ──► Server: child process, AOF, fsync before every reply ─┐
//	Open(cfg) ──┤                                                                        ├──► Options() ──► app's client
//	            └ none ──► Volatile: miniredis, with a banner; refused in production ────┘
//
// The directory of a Server, mode 0700, local disk (flock(2) does not reach across NFS to a child):
//
//	gateway.lock    held by the gateway: a second one is refused at once
//	server.lock     held by the gateway and, through an inherited descriptor, by the child and its own children
//	redis.conf      written at each start
//	redis.sock      the only door, mode 0700; no TCP port is opened
//	appendonlydir/  the data
//
// After kill -9 of the gateway the kernel sends the child SIGTERM (Pdeathsig); it may still write for a moment. A new gateway
// gets gateway.lock at once but waits for server.lock, which the kernel releases when the last process that can touch the
// files is gone. So two servers never write one AOF.
//
// A socket path above 107 bytes does not fit sun_path (unix(7)); such a directory gets its socket in a private directory
// below the system's temporary one. Close removes that; after kill -9 an empty one stays for the system to clean.
//
// Invariants: a child that dies is started again with back-off for as long as the Server is open (Restarts counts, Up
// tells); Close returns after the child and all goroutines have ended. The child has its own process group, so that Ctrl-C in a
// terminal reaches the gateway alone, which drains first. Under systemd the unit needs KillMode=mixed for the same reason.
//
// The package runs on Linux.
package embedded
