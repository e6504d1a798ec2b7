// Package shim lets the bridge reach the random provider, which its module keeps internal.
//
// The path of this module lies below the provider's own, which is what Go's rule for internal
// packages asks for; toolchain/go.mod replaces it by this folder.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	random "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// NewProvider returns the random provider.
func NewProvider() provider.Provider {
	return random.New()
}
