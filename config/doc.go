// Package config turns one strict YAML file and environment overrides into the settings of every part, or into one line
// that names file, line and key of the first fault. It composes the Config types of the packages below; nobody below app
// sees the whole, and nobody but this package reads the environment.
//
// Invariants:
//
//   - No error quotes a value that may be a secret, wherever somebody wrote it.
//   - A trunk's password comes from the environment or a file of its own, and prints as a mask.
//   - Validate reads nothing; Load has looked into every file that the configuration names.
package config
