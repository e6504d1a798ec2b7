// Package shim lets the bridge reach the docker provider, which its module keeps internal.
//
// The path of this module lies below the provider's own, which is what Go's rule for internal
// packages asks for; toolchain/go.mod replaces it by this folder.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider returns the docker provider, which names itself by version to the Docker API.
func NewProvider(version string) *schema.Provider {
	return provider.New(version)()
}
