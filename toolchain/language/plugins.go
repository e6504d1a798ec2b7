package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type outputStream = grpc.ServerStreamingServer[pulumirpc.RunPluginResponse]

// RunPlugin runs a policy pack or a package of components, and passes on what it prints.
func (h *host) RunPlugin(request *pulumirpc.RunPluginRequest, stream outputStream) error {
	if request.AttachDebugger {
		return status.Error(codes.Unimplemented, "attaching a debugger to a Python plugin is not supported")
	}
	python, err := interpreterOf(request.Info)
	if err != nil {
		return err
	}
	arguments, err := pluginArguments(request)
	if err != nil {
		return err
	}
	command := python.command(arguments...)
	command.Dir = request.Pwd
	command.Env = append(command.Env, request.Env...)
	var one sync.Mutex
	command.Stdout = sender(func(text []byte) error {
		one.Lock()
		defer one.Unlock()
		return stream.Send(&pulumirpc.RunPluginResponse{
			Output: &pulumirpc.RunPluginResponse_Stdout{Stdout: text},
		})
	})
	command.Stderr = sender(func(text []byte) error {
		one.Lock()
		defer one.Unlock()
		return stream.Send(&pulumirpc.RunPluginResponse{
			Output: &pulumirpc.RunPluginResponse_Stderr{Stderr: text},
		})
	})
	code, err := h.await(stream.Context(), command)
	if err != nil {
		return err
	}
	return stream.Send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(code)},
	})
}

func pluginArguments(request *pulumirpc.RunPluginRequest) ([]string, error) {
	folder := request.Info.GetProgramDirectory()
	if request.Kind == "analyzer" {
		arguments := append([]string{"-u", "-m", "pulumi.policy"}, request.Args...)
		return append(arguments, folder), nil
	}
	if _, err := os.Stat(filepath.Join(folder, "__main__.py")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the Python package in %s has no __main__.py to run", folder)
	} else if err != nil {
		return nil, err
	}
	return append([]string{"-u", folder}, request.Args...), nil
}

// sender makes a writer of a function that may keep what it is given.
type sender func([]byte) error

func (s sender) Write(text []byte) (int, error) {
	return len(text), s(append([]byte(nil), text...))
}
