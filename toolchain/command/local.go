package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// localInputs are the inputs of local.Command.
type localInputs struct {
	commandInputs
	Dir          string   `json:"dir"`
	Interpreter  []string `json:"interpreter"`
	AssetPaths   []string `json:"assetPaths"`
	ArchivePaths []string `json:"archivePaths"`
}

func (l localInputs) common() commandInputs { return l.commandInputs }

func (l localInputs) problems(inputs properties) []plugin.CheckFailure {
	failures := []plugin.CheckFailure{}
	for _, key := range []string{"assetPaths", "archivePaths"} {
		if !missing(inputs, propertyKey(key)) {
			failures = append(failures, plugin.CheckFailure{
				Property: propertyKey(key),
				Reason:   "not supported by the plugin command built here; read the files in the program",
			})
		}
	}
	return failures
}

func (l localInputs) execute(ctx context.Context, log logger, job job) (outputs, error) {
	interpreter := l.Interpreter
	if len(interpreter) == 0 {
		interpreter = []string{"/bin/sh", "-c"}
	}
	captured := newCapture(ctx, log, l.Logging)
	process := exec.CommandContext(ctx, interpreter[0], append(interpreter[1:], job.command)...)
	process.Dir = l.Dir
	process.Env = append(os.Environ(), l.variables(job)...)
	process.Stdin = strings.NewReader(l.Stdin)
	process.Stdout, process.Stderr = captured.out(), captured.err()
	// A group of its own, so that what the command has started ends with it.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	err := process.Run()
	printed := captured.outputs()
	if err != nil {
		return outputs{}, failed(err, job.command, captured)
	}
	return printed, nil
}

func (l localInputs) variables(job job) []string {
	variables := []string{}
	for _, name := range slices.Sorted(maps.Keys(l.Environment)) {
		variables = append(variables, name+"="+l.Environment[name])
	}
	for _, each := range job.previousVariables() {
		variables = append(variables, each[0]+"="+each[1])
	}
	return variables
}

// previousVariables are names and values that tell a command what the last run printed.
func (j job) previousVariables() [][2]string {
	variables := [][2]string{}
	if j.previous != nil && j.previous.stdout != "" {
		variables = append(variables, [2]string{"PULUMI_COMMAND_STDOUT", j.previous.stdout})
	}
	if j.previous != nil && j.previous.stderr != "" {
		variables = append(variables, [2]string{"PULUMI_COMMAND_STDERR", j.previous.stderr})
	}
	return variables
}

// failed says what ran, how it ended and what it had printed.
func failed(err error, command string, captured *capture) error {
	return fmt.Errorf("%w: running %q:\n%s", err, command, captured.both.String())
}
