package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const maxSchema = 256 << 10 // bytes

// schema checks the arguments of an event.
type schema struct{ compiled *jsonschema.Schema }

// ErrSchema is wrapped by the errors of arguments that do not fit the schema. Path says where.
var ErrSchema = errors.New("the arguments do not fit the schema of the event")

// SchemaError says which argument does not fit, and why, without repeating it.
type SchemaError struct {
	Path   string // a JSON pointer (RFC 6901) into the list of arguments, as "/0/text"
	Reason string
}

// Error implements error.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s at %q: %s", ErrSchema, e.Path, e.Reason)
}

// Unwrap returns ErrSchema.
func (e *SchemaError) Unwrap() error { return ErrSchema }

func (e *Event) parseSchema() error {
	if len(e.Schema) == 0 {
		return nil
	}
	if len(e.Schema) > maxSchema {
		return fmt.Errorf("schema: it has %d bytes, at most %d are possible", len(e.Schema), maxSchema)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Schema))
	if err != nil {
		return fmt.Errorf("schema: it is not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	const name = "event.json"
	if err := c.AddResource(name, document); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	e.schema = &schema{compiled}
	return nil
}

// noLoader refuses references to other documents: a schema is complete, and reads no files and no addresses.
type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: references to other documents are not followed; put the definition into $defs", url)
}

// CheckSchema returns a *SchemaError when the arguments, as JSON texts, do not fit the schema of the event.
func (e *Event) CheckSchema(args []json.RawMessage) error {
	if e.schema == nil {
		return nil
	}
	list := make([]any, len(args))
	for i, arg := range args {
		var err error
		if list[i], err = jsonschema.UnmarshalJSON(bytes.NewReader(arg)); err != nil {
			return &SchemaError{Path: fmt.Sprintf("/%d", i), Reason: "not JSON"}
		}
	}
	err := e.schema.compiled.Validate(list)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return describe(invalid)
	}
	return err
}

// describe finds the innermost reason: the outer ones say only that something inside does not fit.
func describe(err *jsonschema.ValidationError) *SchemaError {
	for len(err.Causes) > 0 {
		err = err.Causes[0]
	}
	var path strings.Builder
	for _, token := range err.InstanceLocation {
		path.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	keywords := err.ErrorKind.KeywordPath()
	reason := "it is not permitted"
	if len(keywords) > 0 {
		reason = "the keyword " + strings.Join(keywords, "/") + " does not permit it"
	}
	return &SchemaError{Path: path.String(), Reason: reason}
}
