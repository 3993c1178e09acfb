// Package arch is a test: it fails on an import that points up or sideways, and on a third party's module imported
// outside the one package that wraps it. docs/architecture.md draws the layers. It fails too where docs/faults.md names a
// test or a file that is gone.
package arch
