package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// info returns what the engine says of a project with these runtime options.
func info(t *testing.T, folder string, options map[string]any) *pulumirpc.ProgramInfo {
	t.Helper()
	fields, err := structpb.NewStruct(options)
	must(t, err)
	return &pulumirpc.ProgramInfo{
		RootDirectory: folder, ProgramDirectory: folder, EntryPoint: ".", Options: fields,
	}
}

// environment makes a virtual environment with the given packages.
func environment(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	make := exec.Command("python3", "-m", "venv", "--without-pip", folder)
	if output, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	found, err := filepath.Glob(filepath.Join(folder, "lib", "python3*", "site-packages"))
	must(t, err)
	for name, content := range files {
		path := filepath.Join(found[0], name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheEnvironmentIsFoundFromTheProjectsFolder(t *testing.T) {
	folder := t.TempDir()
	environment(t, filepath.Join(folder, ".venv"), nil)
	project := filepath.Join(folder, "systems", "x")
	for _, option := range []string{"../../.venv", filepath.Join(folder, ".venv")} {
		python, err := interpreterOf(info(t, project, map[string]any{"virtualenv": option}))
		must(t, err)
		output, err := python.command("-c", "import os, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'])").Output()
		must(t, err)
		want := filepath.Join(folder, ".venv")
		if string(output) != want+" "+want+"\n" {
			t.Errorf("%s leads to %s", option, output)
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for want, options := range map[string]map[string]any{
		"has no interpreter":                 {"virtualenv": "nowhere"},
		"must be the path of a folder":       {"virtualenv": 5},
		"toolchain: uv is not supported":     {"toolchain": "uv", "virtualenv": "x"},
		"typechecker: mypy is not supported": {"typechecker": "mypy"},
	} {
		_, err := interpreterOf(info(t, t.TempDir(), options))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", options, err)
		}
	}
	if _, err := interpreterOf(info(t, t.TempDir(), map[string]any{"toolchain": "pip"})); err != nil {
		t.Errorf("pip: %v", err)
	}
}

func TestThePluginsOfTheInstalledPackagesAreRequired(t *testing.T) {
	folder := t.TempDir()
	environment(t, filepath.Join(folder, ".venv"), map[string]string{
		"pulumi_one/pulumi-plugin.json":     `{"resource": true, "name": "one", "version": "1.2.3"}`,
		"pulumi_two/pulumi-plugin.json":     `{"resource": true, "server": "https://example.org"}`,
		"pulumi_two-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pulumi-two\nVersion: 2.0\n",
		"pulumi_policy/pulumi-plugin.json":  `{"resource": false}`,
	})
	server := &host{stopped: context.Background()}
	request := info(t, folder, map[string]any{"virtualenv": ".venv"})
	answer, err := server.GetRequiredPackages(context.Background(), &pulumirpc.GetRequiredPackagesRequest{Info: request})
	must(t, err)
	got := []string{}
	for _, each := range answer.Packages {
		got = append(got, strings.Join([]string{each.Kind, each.Name, each.Version, each.Server}, " "))
	}
	want := []string{"resource one v1.2.3 ", "resource two v2.0 https://example.org"}
	if !slices.Equal(got, want) {
		t.Errorf("required: %q", got)
	}
	all, err := server.GetProgramDependencies(context.Background(), &pulumirpc.GetProgramDependenciesRequest{Info: request})
	must(t, err)
	if len(all.Dependencies) != 1 || all.Dependencies[0].Name != "pulumi-two" || all.Dependencies[0].Version != "2.0" {
		t.Errorf("dependencies: %v", all.Dependencies)
	}
}

func TestPolicyPacksAndComponentsAreStartedInTheirWays(t *testing.T) {
	folder := t.TempDir()
	request := &pulumirpc.RunPluginRequest{Kind: "analyzer", Args: []string{"address"}, Info: info(t, folder, nil)}
	arguments, err := pluginArguments(request)
	must(t, err)
	if !slices.Equal(arguments, []string{"-u", "-m", "pulumi.policy", "address", folder}) {
		t.Errorf("a policy pack: %q", arguments)
	}
	request.Kind = "resource"
	if _, err := pluginArguments(request); err == nil || !strings.Contains(err.Error(), "__main__.py") {
		t.Errorf("an empty package: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(folder, "__main__.py"), nil, 0o600))
	arguments, err = pluginArguments(request)
	must(t, err)
	if !slices.Equal(arguments, []string{"-u", folder, "address"}) {
		t.Errorf("a package: %q", arguments)
	}
}

func TestExitCodesArePassedOn(t *testing.T) {
	server := &host{stopped: context.Background()}
	code, err := server.await(context.Background(), exec.Command("sh", "-c", "exit 32"))
	if code != reported || err != nil {
		t.Errorf("%d, %v", code, err)
	}
	if _, err := server.await(context.Background(), exec.Command("sh", "-c", "kill -9 $$")); err == nil {
		t.Error("a killed process has no error")
	}
}

func TestAStopEndsAProgramWithAllThatItStartedWithoutATraceback(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	server := &host{stopped: stopped}
	var said strings.Builder
	program := exec.Command("python3", "-c", "import subprocess; subprocess.run(['sleep', '60'])")
	program.Stderr = &said
	time.AfterFunc(500*time.Millisecond, stop)
	start := time.Now()
	if _, err := server.await(context.Background(), program); err == nil {
		t.Error("there was no error")
	}
	if took := time.Since(start); took > grace+time.Second {
		t.Errorf("it took %s", took)
	}
	if said.Len() > 0 {
		t.Errorf("it said %s", said.String())
	}
	for deadline := time.Now().Add(grace); len(running(t, program.Process.Pid)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("of its group still run: %q", running(t, program.Process.Pid))
		}
	}
}

// running lists the commands of a process group that have not ended. One that has ended but that
// nobody has collected yet (its parent is gone, and init is slow or does not collect) does not count.
func running(t *testing.T, group int) []string {
	t.Helper()
	table, err := exec.Command("ps", "-e", "-o", "pgid=,stat=,comm=").Output()
	must(t, err)
	commands := []string{}
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == strconv.Itoa(group) && !strings.HasPrefix(fields[1], "Z") {
			commands = append(commands, fields[2])
		}
	}
	return commands
}
