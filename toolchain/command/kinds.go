package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

type properties = resource.PropertyMap

// A kind is a type of resource. States hold the inputs, and outputs of the kind's own.
type kind interface {
	// prepare completes inputs in place and lists what is wrong with them.
	prepare(inputs properties) []plugin.CheckFailure
	// expected returns the state as far as it is known before anything has run.
	expected(inputs properties) properties
	create(ctx context.Context, log logger, inputs properties) (properties, error)
	update(ctx context.Context, log logger, old, inputs properties) (properties, error)
	delete(ctx context.Context, log logger, old properties) error
}

func find(token tokens.Type) (kind, error) {
	switch token {
	case "command:remote:Command":
		return command[remoteInputs]{reveals: []resource.PropertyKey{"create", "update", "stdin", "environment"}}, nil
	case "command:local:Command":
		return command[localInputs]{reveals: []resource.PropertyKey{
			"create", "update", "delete", "stdin", "environment", "interpreter", "dir", "triggers",
		}}, nil
	case "command:remote:CopyToRemote":
		return copyToRemote{}, nil
	case "command:remote:CopyFile":
		return nil, fmt.Errorf("remote.CopyFile is deprecated and not supported here: use remote.CopyToRemote")
	}
	return nil, fmt.Errorf("resource type %s is not supported by the plugin command built here", token)
}

// An executor is the inputs of a kind that runs commands.
type executor interface {
	// common returns the inputs that all such kinds have.
	common() commandInputs
	// problems lists what is wrong with the inputs, apart from their types. What is not known yet is
	// absent from the executor, but not from the given inputs.
	problems(inputs properties) []plugin.CheckFailure
	// execute runs a command to its end.
	execute(ctx context.Context, log logger, job job) (outputs, error)
}

// commandInputs are what remote and local commands have in common.
type commandInputs struct {
	Create                 *string           `json:"create"`
	Update                 *string           `json:"update"`
	Delete                 *string           `json:"delete"`
	Stdin                  string            `json:"stdin"`
	Environment            map[string]string `json:"environment"`
	Logging                string            `json:"logging"`
	AddPreviousOutputInEnv *bool             `json:"addPreviousOutputInEnv"`
}

func (c commandInputs) problems() []plugin.CheckFailure {
	modes := []string{"", "none", "stdout", "stderr", "stdoutAndStderr"}
	if !slices.Contains(modes, c.Logging) {
		return []plugin.CheckFailure{{
			Property: "logging",
			Reason:   fmt.Sprintf("must be one of none, stdout, stderr, stdoutAndStderr (got %q)", c.Logging),
		}}
	}
	return nil
}

// A job is one run of one of a resource's commands.
type job struct {
	command string
	// previous is what the last run printed, or nil.
	previous *outputs
}

// outputs are what a command printed, each without its last newline.
type outputs struct{ stdout, stderr string }

// command is a kind that runs create, update and delete, of remote or local inputs.
type command[I executor] struct {
	// reveals names the inputs that the output may repeat: it is secret when one of them is.
	reveals []resource.PropertyKey
}

func (c command[I]) prepare(inputs properties) []plugin.CheckFailure {
	decoded, failures := prepareInputs[I](inputs)
	if len(failures) > 0 {
		return failures
	}
	return append(decoded.common().problems(), decoded.problems(inputs)...)
}

func (c command[I]) expected(inputs properties) properties {
	unknown := resource.MakeComputed(resource.NewProperty(""))
	return c.state(inputs, unknown, unknown)
}

func (c command[I]) create(ctx context.Context, log logger, inputs properties) (properties, error) {
	return c.run(ctx, log, inputs, nil, func(i commandInputs) *string { return i.Create })
}

func (c command[I]) update(ctx context.Context, log logger, old, inputs properties) (properties, error) {
	return c.run(ctx, log, inputs, previous(old), func(i commandInputs) *string {
		if i.Update != nil {
			return i.Update
		}
		return i.Create
	})
}

func (c command[I]) delete(ctx context.Context, log logger, old properties) error {
	_, err := c.run(ctx, log, inputsOf(old), previous(old), func(i commandInputs) *string { return i.Delete })
	return err
}

func (c command[I]) run(
	ctx context.Context, log logger, inputs properties, last *outputs, choose func(commandInputs) *string,
) (properties, error) {
	decoded, err := decode[I](inputs)
	if err != nil {
		return nil, err
	}
	chosen := choose(decoded.common())
	if chosen == nil {
		// With nothing to run, what was printed before stays true.
		if last == nil {
			last = &outputs{}
		}
		return c.state(inputs, resource.NewProperty(last.stdout), resource.NewProperty(last.stderr)), nil
	}
	job := job{command: *chosen}
	if add := decoded.common().AddPreviousOutputInEnv; add == nil || *add {
		job.previous = last
	}
	printed, err := decoded.execute(ctx, log, job)
	if err != nil {
		return nil, err
	}
	return c.state(inputs, resource.NewProperty(printed.stdout), resource.NewProperty(printed.stderr)), nil
}

func (c command[I]) state(inputs properties, stdout, stderr resource.PropertyValue) properties {
	state := inputs.Copy()
	if slices.ContainsFunc(c.reveals, func(key resource.PropertyKey) bool { return inputs[key].ContainsSecrets() }) {
		stdout, stderr = resource.MakeSecret(stdout), resource.MakeSecret(stderr)
	}
	state["stdout"], state["stderr"] = stdout, stderr
	return state
}

func previous(state properties) *outputs {
	text := func(key resource.PropertyKey) string {
		value := reveal(state[key])
		if value.IsString() {
			return value.StringValue()
		}
		return ""
	}
	return &outputs{stdout: text("stdout"), stderr: text("stderr")}
}

// inputsOf returns a state without what is not an input.
func inputsOf(state properties) properties {
	inputs := state.Copy()
	for _, key := range []resource.PropertyKey{"stdout", "stderr", "assets", "archive"} {
		delete(inputs, key)
	}
	return inputs
}
