// Package shape builds values from templates: any value of YAML or JSON in which texts hold placeholders.
//
//	{"username": "{name}", "message": "{0}", "text": "{name} says {0.text}"}
//
// A text that is one placeholder becomes the value as it is. A placeholder inside a text becomes its text: that of a
// JSON string is the string, that of a missing value or null is empty, any other value is its JSON. "{{" is a brace.
package shape
