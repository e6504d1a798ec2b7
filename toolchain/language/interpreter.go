package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// An interpreter is the Python that a project wants: its virtual environment's, or the first on PATH.
type interpreter struct {
	path string
	// environment is the folder of the virtual environment, or empty.
	environment string
}

// interpreterOf reads the runtime options of Pulumi.yaml or PulumiPolicy.yaml.
// A relative virtualenv is relative to the folder of that file.
func interpreterOf(info *pulumirpc.ProgramInfo) (interpreter, error) {
	options := info.GetOptions().AsMap()
	if toolchain, ok := options["toolchain"]; ok && toolchain != "pip" {
		return interpreter{}, fmt.Errorf(
			"runtime option toolchain: %v is not supported by the engine built here; "+
				"name the environment by the option virtualenv instead, or install the official pulumi", toolchain)
	}
	if checker, ok := options["typechecker"]; ok {
		return interpreter{}, fmt.Errorf(
			"runtime option typechecker: %v is not supported by the engine built here; run the checker yourself", checker)
	}
	value, ok := options["virtualenv"]
	if !ok {
		return ambient()
	}
	folder, ok := value.(string)
	if !ok || folder == "" {
		return interpreter{}, fmt.Errorf("runtime option virtualenv must be the path of a folder (got %v)", value)
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(info.GetRootDirectory(), folder)
	}
	return virtual(folder)
}

func virtual(folder string) (interpreter, error) {
	bin, name := "bin", "python"
	if runtime.GOOS == "windows" {
		bin, name = "Scripts", "python.exe"
	}
	python := filepath.Join(folder, bin, name)
	if _, err := os.Stat(python); err != nil {
		return interpreter{}, fmt.Errorf(
			"the virtual environment %s (runtime option virtualenv) has no interpreter; "+
				"make it first and install the project's requirements: %w", folder, err)
	}
	return interpreter{path: python, environment: folder}, nil
}

func ambient() (interpreter, error) {
	candidates := []string{"python3", "python"}
	if named := os.Getenv("PULUMI_PYTHON_CMD"); named != "" {
		candidates = []string{named}
	}
	for _, name := range candidates {
		if path, err := exec.LookPath(name); err == nil {
			return interpreter{path: path}, nil
		} else if !errors.Is(err, exec.ErrNotFound) {
			return interpreter{}, err
		}
	}
	return interpreter{}, fmt.Errorf(
		"%s is not on PATH; install Python, or name an environment by the runtime option virtualenv",
		strings.Join(candidates, " or "))
}

// command prepares a call of the interpreter as if its environment had been activated.
func (i interpreter) command(arguments ...string) *exec.Cmd {
	command := exec.Command(i.path, arguments...)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if i.environment != "" && name == "PATH" {
			entry = "PATH=" + filepath.Dir(i.path) + string(os.PathListSeparator) + value
		}
		// Either variable would lead an interpreter away from its environment.
		if i.environment != "" && (name == "PYTHONHOME" || name == "VIRTUAL_ENV") {
			continue
		}
		command.Env = append(command.Env, entry)
	}
	if i.environment != "" {
		command.Env = append(command.Env, "VIRTUAL_ENV="+i.environment)
	}
	return command
}
