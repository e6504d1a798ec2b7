package main

import (
	"context"
	"fmt"
	"strings"

	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	pfgen "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
)

// versions holds NAME=VERSION of every plugin, separated by spaces; the build sets it.
var versions string

// A plugin is a Terraform provider and how the bridge must treat it.
type plugin struct {
	name string
	// mapping tells how the provider differs from what the bridge assumes.
	mapping func(version string) tfbridge.ProviderInfo
	// prefix stands before the name of every type, as in random's RandomPassword.
	prefix string
	// named says whether resources without a name get one with a random suffix.
	named bool
	// The bridge has one entrance each for providers on the old SDK, on the new framework, and on both.
	generate func(tfbridge.ProviderInfo)
	serve    func(info tfbridge.ProviderInfo, schema, metadata []byte)
}

func plugins() []plugin {
	return []plugin{
		{
			name: "hcloud", mapping: hetzner, named: true,
			generate: func(info tfbridge.ProviderInfo) { pfgen.MainWithMuxer(info.Name, info) },
			serve: func(info tfbridge.ProviderInfo, schema, _ []byte) {
				pfbridge.MainWithMuxer(context.Background(), info.Name, info, schema)
			},
		},
		{
			name: "docker", mapping: docker, named: true,
			generate: func(info tfbridge.ProviderInfo) { tfgen.Main(info.Name, info.Version, info) },
			serve: func(info tfbridge.ProviderInfo, schema, _ []byte) {
				tfbridge.Main(info.Name, info.Version, info, schema)
			},
		},
		{
			name: "random", mapping: random, prefix: "Random",
			generate: func(info tfbridge.ProviderInfo) { pfgen.Main(info.Name, info) },
			serve: func(info tfbridge.ProviderInfo, schema, metadata []byte) {
				files := pfbridge.ProviderMetadata{PackageSchema: schema, BridgeMetadata: metadata}
				pfbridge.Main(context.Background(), info.Name, info, files)
			},
		},
	}
}

func find(name string) (plugin, error) {
	known := []string{}
	for _, p := range plugins() {
		if p.name == name {
			return p, nil
		}
		known = append(known, p.name)
	}
	return plugin{}, fmt.Errorf("there is no plugin %q here, only %s", name, strings.Join(known, ", "))
}

// describe returns the provider with every resource and data source mapped to a Pulumi token.
func (p plugin) describe(metadata []byte) tfbridge.ProviderInfo {
	info := p.mapping(versionOf(p.name))
	info.Name = p.name
	info.Version = versionOf(p.name)
	info.MetadataInfo = tfbridge.NewProviderMetadata(metadata)
	standard := tokens.MakeStandard(p.name)
	prefixed := func(module, name string) (string, error) {
		// Functions become getNAME: a prefix would stand at the wrong place.
		if strings.HasPrefix(name, "get") {
			return standard(module, name)
		}
		return standard(module, p.prefix+name)
	}
	info.MustComputeTokens(tokens.SingleModule(p.name+"_", "index", prefixed))
	info.MustApplyAutoAliases()
	if p.named {
		info.SetAutonaming(255, "-")
	}
	return info
}

// versionOf returns the version of the Pulumi SDK that the plugin answers to.
func versionOf(name string) string {
	for _, entry := range strings.Fields(versions) {
		if version, ok := strings.CutPrefix(entry, name+"="); ok {
			return version
		}
	}
	return "0.0.0"
}
