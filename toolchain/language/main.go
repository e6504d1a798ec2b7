// Program language is the host that the engine starts to run Python programs and policy packs.
//
// The engine finds it as pulumi-language-python, starts it with its own address as last argument,
// and reads the port to talk to from the first line of its output. The script that runs a program,
// pulumi-language-python-exec, lies beside it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// version is the engine's version, set by the build.
var version = "0.0.0"

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve() error {
	// The engine interrupts its plugins when a user does; what runs here then ends with us.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &host{stopped: ctx}
	if count := len(os.Args); count > 1 {
		server.engine = os.Args[count-1]
	}
	done := make(chan bool)
	context.AfterFunc(ctx, func() { close(done) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: done,
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(s, server)
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}
