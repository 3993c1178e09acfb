// Package locate finds a trunk's targets (RFC 3263).
package locate
