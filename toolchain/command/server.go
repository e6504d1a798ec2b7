package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// server answers the engine. It keeps nothing between calls.
type server struct {
	plugin.UnimplementedProvider
	engine engine
	// stopped is done when the engine wants running commands to end.
	stopped context.Context
	stop    context.CancelFunc
}

func newServer(e engine) *server {
	stopped, stop := context.WithCancel(context.Background())
	return &server{engine: e, stopped: stopped, stop: stop}
}

func (s *server) Handshake(
	context.Context, plugin.ProviderHandshakeRequest,
) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

func (s *server) Pkg() tokens.Package { return "command" }

func (s *server) Close() error { return nil }

func (s *server) SignalCancellation(context.Context) error {
	s.stop()
	return nil
}

func (s *server) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	for _, entry := range strings.Fields(versions) {
		if text, ok := strings.CutPrefix(entry, "command="); ok {
			version, err := semver.Parse(text)
			return plugin.PluginInfo{Version: &version}, err
		}
	}
	return plugin.PluginInfo{}, nil
}

// GetSchema names the package only: the SDK is the vendor's, and is not generated from here.
func (s *server) GetSchema(context.Context, plugin.GetSchemaRequest) (plugin.GetSchemaResponse, error) {
	return plugin.GetSchemaResponse{Schema: []byte(`{"name":"command","resources":{}}`)}, nil
}

// The plugin has no configuration.

func (s *server) CheckConfig(
	_ context.Context, request plugin.CheckConfigRequest,
) (plugin.CheckConfigResponse, error) {
	return plugin.CheckConfigResponse{Properties: request.News}, nil
}

func (s *server) DiffConfig(
	context.Context, plugin.DiffConfigRequest,
) (plugin.DiffConfigResponse, error) {
	return plugin.DiffConfigResponse{Changes: plugin.DiffNone}, nil
}

func (s *server) Configure(
	context.Context, plugin.ConfigureRequest,
) (plugin.ConfigureResponse, error) {
	return plugin.ConfigureResponse{}, nil
}

func (s *server) Invoke(
	_ context.Context, request plugin.InvokeRequest,
) (plugin.InvokeResponse, error) {
	return plugin.InvokeResponse{}, fmt.Errorf(
		"function %s is not supported by the plugin command built here: use local.Command", request.Tok)
}

// Check refuses inputs that cannot work, as far as they are known, and fills in defaults.
func (s *server) Check(_ context.Context, request plugin.CheckRequest) (plugin.CheckResponse, error) {
	kind, err := find(request.Type)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	inputs := request.News.Copy()
	failures := kind.prepare(inputs)
	return plugin.CheckResponse{Properties: inputs, Failures: failures}, nil
}

// Diff makes every change an update, and a change of triggers a replacement.
func (s *server) Diff(_ context.Context, request plugin.DiffRequest) (plugin.DiffResponse, error) {
	difference := request.OldInputs.Diff(request.NewInputs)
	if !difference.AnyChanges() {
		return plugin.DiffResponse{Changes: plugin.DiffNone}, nil
	}
	details := plugin.NewDetailedDiffFromObjectDiff(difference, false)
	response := plugin.DiffResponse{Changes: plugin.DiffSome, DetailedDiff: details}
	for path, change := range details {
		key, _, _ := strings.Cut(strings.ReplaceAll(path, "[", "."), ".")
		response.ChangedKeys = append(response.ChangedKeys, resource.PropertyKey(key))
		if key == "triggers" {
			details[path] = change.ToReplace()
			response.ReplaceKeys = append(response.ReplaceKeys, "triggers")
		}
	}
	return response, nil
}

func (s *server) Create(
	ctx context.Context, request plugin.CreateRequest,
) (plugin.CreateResponse, error) {
	kind, err := find(request.Type)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	id, err := resource.NewUniqueHex(request.Name, 8, 0)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if request.Preview {
		return plugin.CreateResponse{Properties: kind.expected(request.Properties)}, nil
	}
	ctx, cancel := s.limit(ctx, request.Timeout)
	defer cancel()
	state, err := kind.create(ctx, s.logger(request.URN), request.Properties)
	if err != nil {
		return plugin.CreateResponse{}, explain(ctx, err)
	}
	return plugin.CreateResponse{ID: resource.ID(id), Properties: state}, nil
}

// Read returns what is known: neither commands nor copies can be asked for what they left behind.
func (s *server) Read(_ context.Context, request plugin.ReadRequest) (plugin.ReadResponse, error) {
	if len(request.State) == 0 {
		return plugin.ReadResponse{}, fmt.Errorf("a %s cannot be imported: it exists only in the state", request.Type)
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{
		ID: request.ID, Inputs: request.Inputs, Outputs: request.State,
	}}, nil
}

func (s *server) Update(
	ctx context.Context, request plugin.UpdateRequest,
) (plugin.UpdateResponse, error) {
	kind, err := find(request.Type)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if request.Preview {
		return plugin.UpdateResponse{Properties: kind.expected(request.NewInputs)}, nil
	}
	ctx, cancel := s.limit(ctx, request.Timeout)
	defer cancel()
	state, err := kind.update(ctx, s.logger(request.URN), request.OldOutputs, request.NewInputs)
	return plugin.UpdateResponse{Properties: state}, explain(ctx, err)
}

func (s *server) Delete(
	ctx context.Context, request plugin.DeleteRequest,
) (plugin.DeleteResponse, error) {
	kind, err := find(request.Type)
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	ctx, cancel := s.limit(ctx, request.Timeout)
	defer cancel()
	err = kind.delete(ctx, s.logger(request.URN), request.Outputs)
	return plugin.DeleteResponse{}, explain(ctx, err)
}

// limit ends a call after the time that the resource's custom timeouts allow, in seconds, if any.
func (s *server) limit(ctx context.Context, seconds float64) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(s.stopped, func() { cancel(errCancelled) })
	if seconds <= 0 {
		return ctx, func() { forget(); cancel(nil) }
	}
	reason := fmt.Errorf("timed out after %g s, the resource's custom timeout", seconds)
	ctx, end := context.WithTimeoutCause(ctx, time.Duration(seconds*float64(time.Second)), reason)
	return ctx, func() { forget(); end(); cancel(nil) }
}

var errCancelled = fmt.Errorf("cancelled")

// explain adds why the call was ended early, if it was.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
