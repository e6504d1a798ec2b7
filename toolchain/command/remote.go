package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"golang.org/x/crypto/ssh"
)

// remoteInputs are the inputs of remote.Command.
type remoteInputs struct {
	commandInputs
	Connection connection `json:"connection"`
}

func (r remoteInputs) common() commandInputs { return r.commandInputs }

func (r remoteInputs) problems(inputs properties) []plugin.CheckFailure {
	return r.Connection.problems(inputs)
}

func (r remoteInputs) execute(ctx context.Context, log logger, job job) (outputs, error) {
	client, err := r.Connection.dial(ctx, log)
	if err != nil {
		return outputs{}, err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	session, err := client.NewSession()
	if err != nil {
		return outputs{}, fmt.Errorf("opening a session on %s: %w", r.Connection.Host, err)
	}
	defer session.Close()
	if err := r.setEnvironment(ctx, log, session, job); err != nil {
		return outputs{}, err
	}
	captured := newCapture(ctx, log, r.Logging)
	session.Stdin = strings.NewReader(r.Stdin)
	session.Stdout, session.Stderr = captured.out(), captured.err()
	err = session.Run(job.command)
	printed := captured.outputs()
	if err != nil {
		return outputs{}, failed(err, job.command, captured)
	}
	return printed, nil
}

func (r remoteInputs) setEnvironment(
	ctx context.Context, log logger, session *ssh.Session, job job,
) error {
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		if err := session.Setenv(name, r.Environment[name]); err != nil {
			return fmt.Errorf("the SSH server refused the environment variable %s (%w): "+
				"its sshd_config must say AcceptEnv %s; or pass the value on stdin", name, err, name)
		}
	}
	for _, each := range job.previousVariables() {
		if err := session.Setenv(each[0], each[1]); err != nil {
			log.warn(ctx, fmt.Sprintf("the SSH server refused %s, which holds the previous output: its "+
				"sshd_config must say AcceptEnv %s; or set addPreviousOutputInEnv to false", each[0], each[0]))
		}
	}
	return nil
}

func propertyKey(name string) resource.PropertyKey { return resource.PropertyKey(name) }
