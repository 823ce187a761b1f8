// Package config has the settings of a node.
//
// A setting is a field of [Config] or of a struct below it. The tags of the field are its only
// description:
//
//	PingInterval time.Duration `yaml:"ping_interval" default:"25s" min:"1ms" help:"Time between two heartbeats of a connection."`
//
// The YAML key, the variable (CHORUS_PING_INTERVAL), the flag (--set ping_interval=25s), the parsing, the
// checks, the redaction of secrets and the table in docs/configuration.md follow from the tags:
//
//	yaml     the name; the key of the setting is the path of the names, as auth.mode
//	default  the value when nothing is set, as text; none: the zero value
//	empty    what the zero value means, for the docs
//	help     one sentence; 'quoted' words are code
//	unit     of a number: bytes
//	oneof    the permitted values, separated by spaces
//	min, max the limits of a number, a duration or a size
//	format   the form of a text: one of the names in formats.go
//	required "true": the value must not be empty
//	secret   "true": no output shows the value; "url": output shows it without its password;
//	         "errors": only errors hide it
//	reload   "true": a running node takes a new value
//
// A field may be a text, a bool, an int64, a time.Duration, a [Size], a [Rate], a [ByteRate], a type with
// UnmarshalText, any (any YAML value), a type with [FromYAML] (several forms), a struct, a pointer to one
// of these, a list of these, or a map from names to these.
package config
