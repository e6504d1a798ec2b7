package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

//go:embed inventory.py
var inventoryScript string

// An inventory is what is installed beside an interpreter.
type inventory struct {
	Plugins []struct {
		Name             string `json:"name"`
		Version          string `json:"version"`
		Server           string `json:"server"`
		Parameterization *struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Value   []byte `json:"value"`
		} `json:"parameterization"`
	} `json:"plugins"`
	Packages []struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"packages"`
}

func (h *host) inventory(
	ctx context.Context, info *pulumirpc.ProgramInfo, arguments ...string,
) (*inventory, error) {
	python, err := interpreterOf(info)
	if err != nil {
		return nil, err
	}
	// -I keeps the folder that we happen to be in out of the answer.
	command := python.command(append([]string{"-I", "-c", inventoryScript}, arguments...)...)
	var output, problems bytes.Buffer
	command.Stdout, command.Stderr = &output, &problems
	code, err := h.await(ctx, command)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d: %s", code, problems.String())
	}
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w", python.path, err)
	}
	found := &inventory{}
	return found, json.Unmarshal(output.Bytes(), found)
}

// GetRequiredPackages lists the plugins that the installed SDKs ask for, with their versions.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	found, err := h.inventory(ctx, request.Info)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, plugin := range found.Plugins {
		needed := &pulumirpc.PackageDependency{
			Kind:    "resource",
			Name:    plugin.Name,
			Version: "v" + strings.TrimPrefix(plugin.Version, "v"),
			Server:  plugin.Server,
		}
		if p := plugin.Parameterization; p != nil {
			needed.Parameterization = &pulumirpc.PackageParameterization{
				Name: p.Name, Version: p.Version, Value: p.Value,
			}
		}
		response.Packages = append(response.Packages, needed)
	}
	return response, nil
}

// GetProgramDependencies lists every installed package; Python does not tell which are direct.
func (h *host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	found, err := h.inventory(ctx, request.Info, "--packages")
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, each := range found.Packages {
		response.Dependencies = append(response.Dependencies,
			&pulumirpc.DependencyInfo{Name: each.Name, Version: each.Version})
	}
	slices.SortFunc(response.Dependencies, func(a, b *pulumirpc.DependencyInfo) int {
		return strings.Compare(a.Name, b.Name)
	})
	return response, nil
}

// About tells which Python runs the program.
func (h *host) About(
	ctx context.Context, request *pulumirpc.AboutRequest,
) (*pulumirpc.AboutResponse, error) {
	python, err := interpreterOf(request.Info)
	if err != nil {
		return nil, err
	}
	command := python.command("-I", "-c", "import platform; print(platform.python_version(), end='')")
	var output bytes.Buffer
	command.Stdout = &output
	if _, err := h.await(ctx, command); err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{Executable: python.path, Version: output.String()}, nil
}

// InstallDependencies refuses: the environment is the project's, and is made from its lock file.
func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest,
	_ pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	return status.Errorf(codes.FailedPrecondition,
		"the engine built here installs no Python packages; install what %s needs into the "+
			"virtual environment that its runtime option virtualenv names", request.Directory)
}
