package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// An sshd is the real server, on a port of the loopback interface.
type sshd struct {
	port             int
	user, privateKey string
	hostKey          string
}

const sshdPath = "/usr/sbin/sshd"

// startSSHD runs a server that accepts one new key, and ends it with the test.
func startSSHD(t *testing.T) sshd {
	t.Helper()
	if _, err := os.Stat(sshdPath); err != nil {
		t.Fatalf("these tests need the real server: apt-get install openssh-server (%v)", err)
	}
	if os.Geteuid() == 0 {
		// Where sshd is not installed as a service, nobody has made this folder.
		must(t, os.MkdirAll("/run/sshd", 0o755))
	}
	folder := t.TempDir()
	hostPrivate, hostPublic := newKey(t)
	private, public := newKey(t)
	me, err := user.Current()
	must(t, err)
	server := sshd{port: freePort(t), user: me.Username, privateKey: private, hostKey: hostPublic}
	writeFile(t, filepath.Join(folder, "host_key"), hostPrivate)
	writeFile(t, filepath.Join(folder, "authorized_keys"), public)
	config := filepath.Join(folder, "sshd_config")
	writeFile(t, config, fmt.Sprintf(`
ListenAddress 127.0.0.1
Port %d
HostKey %[2]s/host_key
AuthorizedKeysFile %[2]s/authorized_keys
PidFile %[2]s/pid
StrictModes no
UsePAM no
PermitRootLogin yes
AcceptEnv WELCOME
Subsystem sftp internal-sftp
`, server.port, folder))
	run(t, exec.Command(sshdPath, "-D", "-e", "-f", config))
	waitForPort(t, server.port)
	return server
}

// run starts a process and ends it with the test.
func run(t *testing.T, process *exec.Cmd) {
	t.Helper()
	var messages strings.Builder
	process.Stderr = &messages
	must(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", process.Path, messages.String())
		}
	})
}

// connection returns the connection input that logs in here.
func (s sshd) connection() properties {
	return properties{
		"host":       resource.NewProperty("127.0.0.1"),
		"port":       resource.NewProperty(float64(s.port)),
		"user":       resource.NewProperty(s.user),
		"privateKey": resource.NewProperty(s.privateKey),
	}
}

func newKey(t *testing.T) (private, public string) {
	t.Helper()
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return encode(t, privateKey, ""), authorized(t, publicKey)
}

func encode(t *testing.T, key crypto.PrivateKey, passphrase string) string {
	t.Helper()
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	must(t, err)
	return string(pem.EncodeToMemory(block))
}

func authorized(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	public, err := ssh.NewPublicKey(key)
	must(t, err)
	return string(ssh.MarshalAuthorizedKey(public))
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func waitForPort(t *testing.T, port int) {
	t.Helper()
	for range 100 {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			connection.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nothing listens on port %d", port)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A recorder is an engine that keeps the messages.
type recorder struct {
	mutex    sync.Mutex
	messages []string
	warnings []string
}

func (r *recorder) Log(_ context.Context, severity diag.Severity, _ resource.URN, message string) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if severity == diag.Warning {
		r.warnings = append(r.warnings, message)
	} else {
		r.messages = append(r.messages, message)
	}
	return nil
}

func (r *recorder) LogStatus(context.Context, diag.Severity, resource.URN, string) error { return nil }
