// Package peers gives tests far ends that others wrote: SIPp, baresip, kamailio and rtpengine from Debian's packages, each
// as a private process of one test. sip/siptest is the oracle that we understand to the last packet; the peers are what
// keeps us from agreeing with ourselves only.
//
//	test ──► SIPp, Baresip, Kamailio, RTPEngine ──► launch ──► process: own directory, own process group
//	                                                  │
//	                                   ports from the kernel, ready? else again with others
//
// Invariants:
//   - A peer takes calls on loopback only, on ports that the kernel chose; where one was taken before the peer could bind
//     it, the peer is started again with others.
//   - Where a peer is returned it can be spoken to: its socket is bound, or it has answered.
//   - A peer ends with its test, and with the test binary even where that is killed (see process.go).
//   - What a peer wrote is shown where its test failed. A missing program fails the test; it is never skipped.
package peers
