package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

//go:embed launcher.py
var launcher string

// A program that has reported its error itself ends with this code, by agreement with the script.
const reported = 32

// host answers the engine. Calls that it does not know are answered as unimplemented.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
	// stopped is done when the engine wants everything here to end.
	stopped context.Context
}

func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = request.EngineAddress
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// Cancel needs no work: every process here ends with the call that started it.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Run runs the program of a stack until it has registered all its resources.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if request.AttachDebugger {
		return nil, status.Error(codes.Unimplemented, "attaching a debugger to a Python program is not supported")
	}
	python, err := interpreterOf(request.Info)
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	arguments, variables, err := h.program(request)
	if err != nil {
		return nil, err
	}
	command := python.command(arguments...)
	command.Dir = request.Pwd
	command.Env = append(command.Env, variables...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	switch code, err := h.await(ctx, command); {
	case err != nil:
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	case code == reported:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case code != 0:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with exit code %d", code)}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}

// program returns the command line and the environment that the script reads.
func (h *host) program(request *pulumirpc.RunRequest) (arguments, variables []string, err error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	config, err := json.Marshal(request.Config)
	if err != nil {
		return nil, nil, err
	}
	secretKeys, err := json.Marshal(request.ConfigSecretKeys)
	if err != nil {
		return nil, nil, err
	}
	arguments = []string{
		"-u", "-c", launcher, request.Info.RootDirectory,
		filepath.Join(filepath.Dir(executable), "pulumi-language-python-exec"),
		"--monitor", request.MonitorAddress,
		"--engine", h.engine,
		"--project", request.Project,
		"--stack", request.Stack,
		"--organization", request.Organization,
		"--pwd", request.Pwd,
		"--dry_run", strconv.FormatBool(request.DryRun),
		"--parallel", strconv.Itoa(int(request.Parallel)),
		"--", filepath.Join(request.Info.ProgramDirectory, request.Info.EntryPoint),
	}
	// The script takes the absence of either, but not null, for an empty one.
	if request.Config != nil {
		variables = append(variables, "PULUMI_CONFIG="+string(config))
	}
	if request.ConfigSecretKeys != nil {
		variables = append(variables, "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys))
	}
	return append(arguments, request.Args...), variables, nil
}
