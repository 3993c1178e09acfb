// Command avanak is the voice-broadcast gateway and its client in one binary.
//
//	avanak serve, check-config      run the gateway (packages app and config)
//	avanak demo                     see it work: gateway, callees and a customer in one process (package demo)
//	avanak clip, campaign, send,    a customer over HTTP (package client)
//	       suppress
//	avanak version
//
// Commands print tables for people and JSON with --json. An error is one line on stderr that says what to do. Exit codes:
// 0 done, 1 failed, 2 refused (usage, or input that the gateway does not take), 3 the gateway cannot be reached, 130
// interrupted.
package main
