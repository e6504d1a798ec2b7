package main

import (
	"context"

	"github.com/hetznercloud/terraform-provider-hcloud/hcloud"
	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	dockershim "github.com/terraform-providers/terraform-provider-docker/shim"
	randomshim "github.com/terraform-providers/terraform-provider-random/shim"
)

func hetzner(string) tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P: pfbridge.MuxShimWithPF(
			context.Background(), shimv2.NewProvider(hcloud.Provider()), hcloud.NewPluginProvider()),
		Resources: map[string]*tfbridge.ResourceInfo{},
	}
	// An id is text for Pulumi; several resources of the vendor number theirs.
	info.P.ResourcesMap().Range(func(name string, r shim.Resource) bool {
		if id, ok := r.Schema().GetOk("id"); ok && id.Type() != shim.TypeString {
			info.Resources[name] = &tfbridge.ResourceInfo{
				Fields: map[string]*tfbridge.SchemaInfo{"id": {Type: "string"}},
			}
		}
		return true
	})
	return info
}

func docker(version string) tfbridge.ProviderInfo {
	return tfbridge.ProviderInfo{
		P: shimv2.NewProvider(dockershim.NewProvider(version)),
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"}, Value: "unix:///var/run/docker.sock",
			}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_config": {Tok: dockerType("serviceConfig", "ServiceConfig")},
			"docker_container": {
				Tok:                 dockerType("container", "Container"),
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           {Name: "command"},
					"networks_advanced": {Name: "networksAdvanced"},
				},
			},
			"docker_image": {
				Tok:    dockerType("remoteImage", "RemoteImage"),
				Fields: map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}},
			},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image": {Tok: "docker:index/getRemoteImage:getRemoteImage"},
		},
	}
}

func dockerType(module, name string) tokens.Type {
	return tokens.Type("docker:index/" + module + ":" + name)
}

func random(string) tfbridge.ProviderInfo {
	return tfbridge.ProviderInfo{
		P:                           pfbridge.ShimProvider(randomshim.NewProvider()),
		EnableAccurateBridgePreview: true,
		EnableRawStateDelta:         true,
		Resources: map[string]*tfbridge.ResourceInfo{
			// Terraform has no id for it. The bytes would serve as one, but an id is never secret.
			"random_bytes": {ComputeID: func(context.Context, resource.PropertyMap) (resource.ID, error) {
				return "none", nil
			}},
		},
	}
}
