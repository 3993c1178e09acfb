// Package locate finds where a trunk's calls may go: it turns the targets that an operator configured into addresses, in
// the order to try them (RFC 3263 section 4.2, RFC 2782). Its place in the flow is under sip, which hands a socket an IP
// address and never a name:
//
//	sip ──Places──► Locator ──► source (one per name) ··in the background··► Resolver ──► DNS
//	    ◄──[]Place──        ◄── last good answer      ◄··SRV, then A or AAAA··
//	    ──Known──►
//
// A target is "ip", "ip:port", "host:port" (A or AAAA only) or "host" (SRV first; where there is none, A or AAAA at the
// default port). There is no NAPTR look-up (RFC 3263 section 4.1): the transport is configured, so NAPTR could only choose
// another one, or an SRV name other than the usual; a carrier who publishes that is configured by the name it leads to.
//
// What is looked up holds for 30 s: net.Resolver tells no TTL of the records. After that the next call still gets the old
// answer at once, while one look-up runs in the background.
//
//	unknown ──first look-up, waited for──► fresh ──30 s──► due ──look-up──► fresh
//	   ▲                                                    └──it fails──► stale ──5 s──► look-up again
//	   └────────────────────── one hour after it was got ─────────────────────┘
//
// Invariants:
//   - A call waits for DNS only where it has no answer, and never over 2 s.
//   - One look-up of a source runs at a time, whatever the number of calls; a failed one is not repeated within 5 s.
//   - No address is given over one hour after DNS named it. Only the carrier's own word that the service is not offered
//     (an SRV target of ".") ends an answer sooner.
//   - "No SRV record" is an answer and leads to A and AAAA. An SRV look-up that failed is none: the name's own address may
//     be the carrier's web site, and an INVITE that nobody answers is an attempt of which nobody knows what became.
//   - Whatever DNS says: at most 32 places, of our socket's family, each once, each with a port.
//   - Close returns after the last look-up has ended.
package locate
