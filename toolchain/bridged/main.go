// Program bridged serves Terraform providers as Pulumi plugins: hcloud, docker and random.
//
// It is one binary with several names, by the bridge's convention: as pulumi-tfgen-NAME it writes
// the plugin's schema and metadata, and as pulumi-resource-NAME it serves the plugin, with those
// two files from the folder that it lies in.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(filepath.Base(os.Args[0])); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(program string) error {
	if name, ok := strings.CutPrefix(program, "pulumi-tfgen-"); ok {
		plugin, err := find(name)
		if err != nil {
			return err
		}
		plugin.generate(plugin.describe([]byte("{}")))
		return nil
	}
	name, ok := strings.CutPrefix(program, "pulumi-resource-")
	if !ok {
		return fmt.Errorf("called as %q; call it as pulumi-resource-NAME or pulumi-tfgen-NAME", program)
	}
	plugin, err := find(name)
	if err != nil {
		return err
	}
	schema, metadata, err := generated()
	if err != nil {
		return err
	}
	plugin.serve(plugin.describe(metadata), schema, metadata)
	return nil
}

// generated reads what pulumi-tfgen-NAME wrote into the folder of this binary.
func generated() (schema, metadata []byte, err error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	folder := filepath.Dir(executable)
	if schema, err = os.ReadFile(filepath.Join(folder, "schema.json")); err == nil {
		metadata, err = os.ReadFile(filepath.Join(folder, "bridge-metadata.json"))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the plugin is not installed completely (toolchain/build repairs it): %w", err)
	}
	return schema, metadata, nil
}
