package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

const remoteCommand = "command:remote:Command"

// onSSHD returns a remote command, and inputs that reach a server of its own.
func onSSHD(t *testing.T) (subject, properties) {
	t.Helper()
	return newSubject(t, remoteCommand), properties{"connection": object(startSSHD(t).connection())}
}

func TestACommandReturnsWhatItPrintedWithoutTheLastNewline(t *testing.T) {
	it, inputs := onSSHD(t)
	state := it.create(with(inputs, properties{"create": text("printf 'a\\nb\\n\\n'; echo c >&2")}))
	expectText(t, state, "stdout", "a\nb\n")
	expectText(t, state, "stderr", "c")
}

func TestStdinArrivesWhole(t *testing.T) {
	it, inputs := onSSHD(t)
	content := strings.Repeat("0123456789abcdef", 300_000)
	state := it.create(with(inputs, properties{"create": text("sha256sum"), "stdin": text(content)}))
	expectText(t, state, "stdout", fmt.Sprintf("%x  -", sha256.Sum256([]byte(content))))
}

func TestOutputIsLoggedAsTheModeSays(t *testing.T) {
	for mode, want := range map[string][]string{
		"":                {"err", "out"},
		"none":            nil,
		"stdout":          {"out"},
		"stderr":          {"err"},
		"stdoutAndStderr": {"err", "out"},
	} {
		t.Run(mode, func(t *testing.T) {
			it, inputs := onSSHD(t)
			inputs = with(inputs, properties{"create": text("echo out; echo err >&2")})
			if mode != "" {
				inputs["logging"] = text(mode)
			}
			it.create(inputs)
			slices.Sort(it.engine.messages)
			if !slices.Equal(it.engine.messages, want) {
				t.Errorf("logged %q, not %q", it.engine.messages, want)
			}
		})
	}
}

func TestAFailureCarriesTheCommandAndTheOutput(t *testing.T) {
	it, inputs := onSSHD(t)
	_, err := it.tryCreate(context.Background(), with(inputs, properties{
		"create": text("echo before; echo why >&2; exit 7"), "logging": text("none"),
	}))
	expectError(t, err, "status 7", "echo why >&2; exit 7", "before\n", "why\n")
}

func TestTheEnvironmentIsSetWhereTheServerAcceptsIt(t *testing.T) {
	it, inputs := onSSHD(t)
	state := it.create(with(inputs, properties{
		"create": text("echo $WELCOME"), "environment": object(properties{"WELCOME": text("a b")}),
	}))
	expectText(t, state, "stdout", "a b")
	_, err := it.tryCreate(context.Background(), with(inputs, properties{
		"create": text("echo $OTHER"), "environment": object(properties{"OTHER": text("x")}),
	}))
	expectError(t, err, "OTHER", "AcceptEnv")
}

func TestAnUpdateRunsUpdateOrElseCreate(t *testing.T) {
	it, inputs := onSSHD(t)
	state := it.create(with(inputs, properties{"create": text("echo created")}))
	again := it.update(state, with(inputs, properties{"create": text("echo created anew")}))
	expectText(t, again, "stdout", "created anew")
	own := it.update(state, with(inputs, properties{"create": text("echo created"), "update": text("echo updated")}))
	expectText(t, own, "stdout", "updated")
}

func TestTheRefusalOfPreviousOutputIsAWarningThatCanBeTurnedOff(t *testing.T) {
	it, inputs := onSSHD(t)
	inputs["create"] = text("echo x")
	it.update(it.create(inputs), with(inputs, properties{"stdin": text("y")}))
	if len(it.engine.warnings) != 1 || !strings.Contains(it.engine.warnings[0], "PULUMI_COMMAND_STDOUT") {
		t.Errorf("warned %q", it.engine.warnings)
	}
	it.engine.warnings = nil
	inputs["addPreviousOutputInEnv"] = resource.NewProperty(false)
	it.update(it.create(inputs), with(inputs, properties{"stdin": text("y")}))
	if len(it.engine.warnings) != 0 {
		t.Errorf("warned %q", it.engine.warnings)
	}
}

func TestDeleteRunsWithTheOldInputsAndStdin(t *testing.T) {
	it, inputs := onSSHD(t)
	mark := filepath.Join(t.TempDir(), "deleted")
	state := it.create(with(inputs, properties{
		"create": text("cat"), "delete": text("cat > " + mark), "stdin": text("old"),
	}))
	it.delete(state)
	content, err := os.ReadFile(mark)
	must(t, err)
	if string(content) != "old" {
		t.Errorf("delete read %q", content)
	}
}

func TestWithoutACommandNothingIsDialled(t *testing.T) {
	it := newSubject(t, remoteCommand)
	nowhere := properties{"connection": object(properties{
		"host": text("127.0.0.1"), "port": resource.NewProperty(float64(freePort(t))),
		"dialErrorLimit": resource.NewProperty(0.0),
	})}
	state := it.create(nowhere)
	expectText(t, state, "stdout", "")
	it.delete(state)
}

func TestAChangeIsAnUpdateAndOfTriggersAReplacement(t *testing.T) {
	it := newSubject(t, remoteCommand)
	base := properties{
		"connection": object(properties{"host": text("a")}),
		"create":     text("x"),
		"triggers":   resource.NewProperty([]resource.PropertyValue{text("1")}),
	}
	diff := func(change properties) plugin.DiffResponse {
		response, err := it.server.Diff(context.Background(), plugin.DiffRequest{
			Type: it.kind, OldInputs: it.checked(base), NewInputs: it.checked(with(base, change)),
		})
		must(t, err)
		return response
	}
	if diff(nil).Changes != plugin.DiffNone {
		t.Error("the same inputs differ")
	}
	changes := properties{
		"create": text("y"), "delete": text("z"), "stdin": text("s"), "logging": text("none"),
		"connection": object(properties{"host": text("b")}),
	}
	for key, value := range changes {
		change := diff(properties{key: value})
		if change.Changes != plugin.DiffSome || len(change.ReplaceKeys) > 0 {
			t.Errorf("a change of %s is %+v", key, change)
		}
	}
	for _, triggers := range [][]resource.PropertyValue{{text("2")}, {text("1"), text("2")}, {}} {
		change := diff(properties{"triggers": resource.NewProperty(triggers)})
		if !slices.Contains(change.ReplaceKeys, "triggers") {
			t.Errorf("triggers %v: %+v", triggers, change)
		}
	}
}

func TestOutputsAreSecretWhenAnInputThatTheyMayRepeatIs(t *testing.T) {
	it, inputs := onSSHD(t)
	plain := it.create(with(inputs, properties{"create": text("cat"), "stdin": text("x")}))
	if plain["stdout"].ContainsSecrets() || !plain["connection"].IsSecret() {
		t.Errorf("state: %v", plain)
	}
	secret := it.create(with(inputs, properties{"create": text("cat"), "stdin": resource.MakeSecret(text("x"))}))
	if !secret["stdout"].IsSecret() || !secret["stderr"].IsSecret() || !secret["stdin"].IsSecret() {
		t.Errorf("state: %v", secret)
	}
}

func TestOutputsAreUnknownInAPreviewWhichDialsNobody(t *testing.T) {
	it := newSubject(t, remoteCommand)
	inputs := it.checked(properties{
		"connection": resource.MakeComputed(text("")), "create": resource.MakeComputed(text("")),
	})
	response, err := it.server.Create(context.Background(), plugin.CreateRequest{
		Type: it.kind, Name: "it", Properties: inputs, Preview: true,
	})
	must(t, err)
	if !response.Properties["stdout"].IsComputed() {
		t.Errorf("stdout: %v", response.Properties["stdout"])
	}
}

func TestACustomTimeoutEndsACommand(t *testing.T) {
	it, inputs := onSSHD(t)
	start := time.Now()
	_, err := it.server.Create(context.Background(), plugin.CreateRequest{
		Type: it.kind, Name: "it", Timeout: 1,
		Properties: it.checked(with(inputs, properties{"create": text("sleep 30")})),
	})
	expectError(t, err, "timed out after 1 s")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestCancellationEndsACommand(t *testing.T) {
	it, inputs := onSSHD(t)
	time.AfterFunc(time.Second, func() { _ = it.server.SignalCancellation(context.Background()) })
	_, err := it.tryCreate(context.Background(), with(inputs, properties{"create": text("sleep 30")}))
	expectError(t, err, "cancelled")
}
