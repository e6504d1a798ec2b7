// Command s3-gateway serves a folder by S3's protocol. The gateway is versitygw with its posix backend;
// what is here besides reads the settings, as the images of this project are given them, and makes
// signatures hold behind a proxy that takes a prefix away from the path.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gofiber/fiber/v3"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

const (
	shortestSecret = 20
	// As versitygw's own command has them.
	connections = 250_000
	requests    = 100_000
	partsMost   = 10_000
	atOnce      = 5_000
	copyMost    = 5 << 30
	// Where versitygw looks for the path that a client has signed, if that is not the one it serves.
	signedPath = "original-uri-path"
)

func main() {
	log.SetFlags(0)
	if err := serve(); err != nil {
		log.Fatalf("s3-gateway: %v", err)
	}
}

func serve() error {
	key, err := required("S3_ACCESS_KEY")
	if err != nil {
		return err
	}
	secret, err := required("S3_SECRET_KEY")
	if err != nil {
		return err
	}
	if len(secret) < shortestSecret {
		return fmt.Errorf("S3_SECRET_KEY has %d characters, and needs %d", len(secret), shortestSecret)
	}
	folder := setting("DATA_FOLDER", "/data")
	if err := (meta.XattrMeta{}).Test(folder); err != nil {
		return fmt.Errorf("DATA_FOLDER: %s keeps no extended attributes: %w", folder, err)
	}
	options := posix.PosixOpts{Concurrency: atOnce, CopyObjectThreshold: copyMost}
	options.SetNewDirPerm(0o750)
	options.SetNewFilePerm(0o640)
	store, err := posix.New(folder, meta.XattrMeta{}, options)
	if err != nil {
		return fmt.Errorf("DATA_FOLDER: %w", err)
	}
	go figures(setting("METRICS_PORT", "9102"))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return embedgw.RunVersityGW(ctx, store, &embedgw.Config{
		RootUserAccess:    key,
		RootUserSecret:    secret,
		Ports:             []string{":" + setting("PORT", "8000")},
		MaxConnections:    connections,
		MaxRequests:       requests,
		MultipartMaxParts: partsMost,
		HealthPath:        "/healthz",
		KeepAlive:         true,
		Quiet:             true,
		S3Options: []s3api.Option{
			s3api.WithMiddleware("/", release),
			s3api.WithMiddleware("/", forwardedPrefix),
		},
	})
}

// forwardedPrefix has the signature checked over the path that the client sent: the proxy takes the
// prefix away, and tells of it. Only a proxy that sets the header itself may stand in front.
func forwardedPrefix(ctx fiber.Ctx) error {
	prefix := strings.TrimSuffix(ctx.Get("X-Forwarded-Prefix"), "/")
	if prefix == "" {
		return ctx.Next()
	}
	path, err := url.PathUnescape(prefix + string(ctx.Request().URI().PathOriginal()))
	if err != nil {
		return fiber.ErrBadRequest
	}
	ctx.Locals(signedPath, path)
	return ctx.Next()
}

// release says which release answered.
func release(ctx fiber.Ctx) error {
	ctx.Set("X-Release", setting("RELEASE", "dev"))
	return ctx.Next()
}

// figures tells of the process, on a port of its own that no proxy leads to.
func figures(port string) {
	http.Handle("/metrics", promhttp.Handler())
	log.Fatalf("s3-gateway: METRICS_PORT: %v", http.ListenAndServe(":"+port, nil))
}

func required(name string) (string, error) {
	value := setting(name, "")
	if value == "" {
		return "", fmt.Errorf("%s is missing; set it, or %s_FILE", name, name)
	}
	return value, nil
}

// setting returns a variable's value, or what the file holds that NAME_FILE names.
func setting(name, otherwise string) string {
	if file := os.Getenv(name + "_FILE"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatalf("s3-gateway: %s_FILE: %v", name, err)
		}
		return strings.TrimSpace(string(text))
	}
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
