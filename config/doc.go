// Package config turns one strict YAML file and environment overrides into the settings of every part, or into one line
// that names file, line and key of the first fault. It composes the Config types of the packages below; nobody below app
// sees the whole, and nobody but this package reads the environment.
package config
