package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

const localCommand = "command:local:Command"

func TestALocalCommandGetsStdinEnvironmentFolderAndInterpreter(t *testing.T) {
	it := newSubject(t, localCommand)
	folder := t.TempDir()
	state := it.create(properties{
		"create": text("cat; echo $A; pwd"), "stdin": text("in\n"), "dir": text(folder),
		"environment": object(properties{"A": text("a b")}),
	})
	expectText(t, state, "stdout", "in\na b\n"+folder)
	state = it.create(properties{
		"create":      text("x y"),
		"interpreter": resource.NewProperty([]resource.PropertyValue{text("/bin/echo"), text("got")}),
	})
	expectText(t, state, "stdout", "got x y")
}

func TestALocalUpdateSeesThePreviousOutput(t *testing.T) {
	it := newSubject(t, localCommand)
	inputs := properties{"create": text("echo 1; echo e >&2"), "update": text("echo $PULUMI_COMMAND_STDOUT$PULUMI_COMMAND_STDERR 2")}
	state := it.update(it.create(inputs), inputs)
	expectText(t, state, "stdout", "1e 2")
	silent := with(inputs, properties{"addPreviousOutputInEnv": resource.NewProperty(false)})
	expectText(t, it.update(state, silent), "stdout", "2")
}

func TestALocalFailureCarriesTheCommandAndTheOutput(t *testing.T) {
	_, err := newSubject(t, localCommand).tryCreate(context.Background(), properties{"create": text("echo why; exit 3")})
	expectError(t, err, "exit status 3", "echo why; exit 3", "why\n")
}

func TestALocalCommandEndsWithAllThatItStarted(t *testing.T) {
	it := newSubject(t, localCommand)
	mark := filepath.Join(t.TempDir(), "mark")
	_, err := it.server.Create(context.Background(), plugin.CreateRequest{
		Type: it.kind, Name: "it", Timeout: 1,
		Properties: it.checked(properties{"create": text("(sleep 3; touch " + mark + ") & wait")}),
	})
	expectError(t, err, "timed out after 1 s")
	time.Sleep(3 * time.Second)
	if _, err := os.Stat(mark); err == nil {
		t.Error("what the command started went on")
	}
}

func TestALongLineIsLoggedWhole(t *testing.T) {
	it := newSubject(t, localCommand)
	it.create(properties{"create": text("head -c 300000 /dev/zero | tr '\\0' x")})
	if len(it.engine.messages) != 1 || len(it.engine.messages[0]) != 300_000 {
		t.Errorf("%d messages", len(it.engine.messages))
	}
}

func TestWhatIsNotSupportedIsSaid(t *testing.T) {
	it := newSubject(t, localCommand)
	_, failures := it.check(properties{
		"assetPaths": resource.NewProperty([]resource.PropertyValue{text("*")}),
	})
	if len(failures) != 1 || !strings.Contains(failures[0].Reason, "not supported") {
		t.Errorf("failures: %v", failures)
	}
	_, failures = it.check(properties{"logging": text("loud")})
	if len(failures) != 1 || !strings.Contains(failures[0].Reason, "must be one of") {
		t.Errorf("failures: %v", failures)
	}
	_, err := it.server.Check(context.Background(), plugin.CheckRequest{Type: "command:remote:CopyFile"})
	expectError(t, err, "CopyToRemote")
}
