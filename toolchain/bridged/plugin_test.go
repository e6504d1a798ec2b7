package main

import (
	"context"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestTheIdOfRandomBytesTellsNothingOfThem(t *testing.T) {
	compute := random("").Resources["random_bytes"].ComputeID
	id, err := compute(context.Background(), resource.PropertyMap{"base64": resource.NewProperty("c2VjcmV0")})
	if err != nil || id != "none" {
		t.Errorf("%q, %v", id, err)
	}
}

func TestAPluginHasTheVersionThatTheBuildNames(t *testing.T) {
	versions = "docker=1.0.0 random=2.0.0"
	if got := versionOf("random"); got != "2.0.0" {
		t.Errorf("random is %s", got)
	}
}

func TestANameThatIsNotKnownIsAnErrorThatNamesThoseThatAre(t *testing.T) {
	_, err := find("other")
	if err == nil || err.Error() != `there is no plugin "other" here, only hcloud, docker, random` {
		t.Errorf("%v", err)
	}
	if err := run("bridged"); err == nil {
		t.Error("a call by another name has no error")
	}
}
