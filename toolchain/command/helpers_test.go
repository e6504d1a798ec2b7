package main

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// A subject is a resource of one type, driven as the engine does.
type subject struct {
	t      *testing.T
	kind   tokens.Type
	engine *recorder
	server *server
}

func newSubject(t *testing.T, kind tokens.Type) subject {
	t.Helper()
	engine := &recorder{}
	return subject{t: t, kind: kind, engine: engine, server: newServer(engine)}
}

func (s subject) check(inputs properties) (properties, []plugin.CheckFailure) {
	s.t.Helper()
	response, err := s.server.Check(context.Background(), plugin.CheckRequest{Type: s.kind, News: inputs})
	must(s.t, err)
	return response.Properties, response.Failures
}

// checked returns the inputs as the engine passes them on, after Check.
func (s subject) checked(inputs properties) properties {
	s.t.Helper()
	complete, failures := s.check(inputs)
	if len(failures) > 0 {
		s.t.Fatalf("refused: %v", failures)
	}
	return complete
}

func (s subject) tryCreate(ctx context.Context, inputs properties) (properties, error) {
	s.t.Helper()
	response, err := s.server.Create(ctx, plugin.CreateRequest{
		Type: s.kind, Name: "it", Properties: s.checked(inputs),
	})
	return response.Properties, err
}

func (s subject) create(inputs properties) properties {
	s.t.Helper()
	state, err := s.tryCreate(context.Background(), inputs)
	must(s.t, err)
	return state
}

func (s subject) update(old, inputs properties) properties {
	s.t.Helper()
	response, err := s.server.Update(context.Background(), plugin.UpdateRequest{
		Type: s.kind, OldOutputs: old, NewInputs: s.checked(inputs),
	})
	must(s.t, err)
	return response.Properties
}

func (s subject) delete(old properties) {
	s.t.Helper()
	_, err := s.server.Delete(context.Background(), plugin.DeleteRequest{Type: s.kind, Outputs: old})
	must(s.t, err)
}

// with returns inputs with more of them.
func with(inputs properties, more properties) properties {
	all := maps.Clone(inputs)
	maps.Copy(all, more)
	return all
}

func text(value string) resource.PropertyValue { return resource.NewProperty(value) }

func object(value properties) resource.PropertyValue { return resource.NewProperty(value) }

func expectText(t *testing.T, state properties, key resource.PropertyKey, want string) {
	t.Helper()
	if got := reveal(state[key]); got != text(want) {
		t.Errorf("%s is %v, not %q", key, got, want)
	}
}

func expectError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("there was no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}
