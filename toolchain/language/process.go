package main

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// Time between asking a process to end and ending it.
const grace = 2 * time.Second

// await runs a command to its end and returns its exit code, and an error only if it has none.
//
// The command runs in a process group of its own, so that an interrupt at the terminal reaches the
// engine alone; when the call or the host is cancelled, it ends without a traceback.
func (h *host) await(ctx context.Context, command *exec.Cmd) (int, error) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		return exitCode(err)
	case <-ctx.Done():
	case <-h.stopped.Done():
	}
	group := -command.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-ended:
		// Whatever it started and left behind would outlive the engine.
		_ = syscall.Kill(group, syscall.SIGKILL)
	case <-time.After(grace):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-ended
	}
	return 0, errors.New("cancelled")
}

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}
