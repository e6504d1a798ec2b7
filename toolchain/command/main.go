// Program command is the plugin that runs commands and copies files, on remote hosts and locally.
//
// It keeps the contract of the vendor's plugin of the same name, which is not to be had as a Go
// module: the resources remote.Command, remote.CopyToRemote and local.Command.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// versions holds NAME=VERSION of every plugin, separated by spaces; the build sets it.
var versions string

func main() {
	err := provider.Main("command", func(engine *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		return plugin.NewProviderServer(newServer(engine)), nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
