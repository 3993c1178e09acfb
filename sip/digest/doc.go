// Package digest answers the challenges of a trunk (RFC 3261 section 22, RFC 8760).
package digest
