// Package e2e is nothing but tests: package sip, and call with media behind it, against SIP elements that others wrote.
//
//	sip ───────────────► SIPp by loadtest/scenarios: its exit status says whether we kept to the protocol
//	call + sip + media ► baresip, whose recording is listened to
//	                   ► kamailio ─► sip/siptest,  rtpengine in the path of the audio
//
// It stands apart from package sip because that one is tested with a tenth of the real SIP timers, with the race detector
// and side by side with others: these tests run the timers of RFC 3261, since the peers do, and whole processes, one
// package at a time (REALTIME in the Makefile).
//
// A test is judged by the far end: an exit status, a recording, the farm's journal, the proxy's log; never by our log.
package e2e
