package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Inputs that no command needs: their types are free, and only their changes matter.
var undecoded = map[resource.PropertyKey]bool{"triggers": true, "source": true, "__defaults": true}

// prepareInputs fills in defaults, marks secrets, and decodes what is known already.
// Values in messages are never those of the inputs: a mistyped connection holds keys all the same.
func prepareInputs[I any](inputs properties) (I, []plugin.CheckFailure) {
	if connection, ok := inputs["connection"]; ok {
		inputs["connection"] = resource.MakeSecret(withDefaults(reveal(connection)))
	}
	decoded, err := decode[I](inputs)
	if err == nil {
		return decoded, nil
	}
	var wrong *inputError
	if errors.As(err, &wrong) {
		return decoded, []plugin.CheckFailure{{Property: wrong.property, Reason: wrong.reason}}
	}
	return decoded, []plugin.CheckFailure{{Reason: err.Error()}}
}

// withDefaults completes a connection, and the connection to its proxy, as the SDK's classes do.
func withDefaults(connection resource.PropertyValue) resource.PropertyValue {
	if !connection.IsObject() {
		return connection
	}
	complete := connection.ObjectValue().Copy()
	if proxy, ok := complete["proxy"]; ok {
		complete["proxy"] = withDefaults(reveal(proxy))
	}
	for key, value := range map[resource.PropertyKey]resource.PropertyValue{
		"user":           resource.NewProperty("root"),
		"port":           resource.NewProperty(22.0),
		"dialErrorLimit": resource.NewProperty(10.0),
		"perDialTimeout": resource.NewProperty(15.0),
	} {
		if _, given := complete[key]; !given {
			complete[key] = value
		}
	}
	return resource.NewProperty(complete)
}

// inputError says what is wrong with which input.
type inputError struct {
	property resource.PropertyKey
	reason   string
}

func (e *inputError) Error() string { return fmt.Sprintf("%s: %s", e.property, e.reason) }

// decode reads inputs into a struct by its json tags. Unknown values are left out; names that the
// struct does not have are an error.
func decode[I any](inputs properties) (I, error) {
	var decoded I
	for key, value := range inputs {
		if undecoded[key] {
			continue
		}
		known, ok := plain(value)
		if !ok {
			continue
		}
		text, err := json.Marshal(map[string]any{string(key): known})
		if err != nil {
			return decoded, &inputError{key, "cannot be read"}
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&decoded); err != nil {
			return decoded, &inputError{key, describe(err)}
		}
	}
	return decoded, nil
}

// describe tells what is wrong in terms of names and types, without any value.
func describe(err error) string {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		// The value's own text may stand behind its kind.
		kind, _, _ := strings.Cut(mistyped.Value, " ")
		return fmt.Sprintf("%s must be %s (got %s)", embedded.Replace(mistyped.Field), typeName(mistyped.Type), kind)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Sprintf("there is no input %s", name)
	}
	return "cannot be read"
}

// The decoder names embedded structs, which are no part of the input's path.
var embedded = strings.NewReplacer("endpoint.", "", "commandInputs.", "")

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		return "array"
	case reflect.Float64, reflect.Int:
		return "number"
	}
	return t.Kind().String()
}

// missing says whether an input, or an entry of it, is known to be absent.
func missing(inputs properties, path ...resource.PropertyKey) bool {
	value, ok := inputs[path[0]]
	if !ok || value.IsNull() {
		return true
	}
	value = reveal(value)
	return len(path) > 1 && value.IsObject() && missing(value.ObjectValue(), path[1:]...)
}

// plain turns a value into what json can write, and says whether it is known. Inside an object,
// unknown entries are left out.
func plain(value resource.PropertyValue) (any, bool) {
	value = reveal(value)
	switch {
	case value.IsComputed(), value.IsOutput():
		return nil, false
	case value.IsObject():
		object := map[string]any{}
		for key, entry := range value.ObjectValue() {
			if known, ok := plain(entry); ok {
				object[string(key)] = known
			}
		}
		return object, true
	case value.IsArray():
		array := []any{}
		for _, entry := range value.ArrayValue() {
			if known, ok := plain(entry); ok {
				array = append(array, known)
			}
		}
		return array, true
	}
	return value.V, true
}

// reveal returns the value behind a secret.
func reveal(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		default:
			return value
		}
	}
}
