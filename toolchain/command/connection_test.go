package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func number(value int) resource.PropertyValue { return resource.NewProperty(float64(value)) }

// greet runs a command with the given connection.
func greet(t *testing.T, connection properties) (properties, error) {
	t.Helper()
	return newSubject(t, remoteCommand).tryCreate(context.Background(), properties{
		"connection": object(with(properties{"dialErrorLimit": number(0)}, connection)),
		"create":     text("echo hello"),
	})
}

func expectHello(t *testing.T, connection properties) {
	t.Helper()
	state, err := greet(t, connection)
	must(t, err)
	expectText(t, state, "stdout", "hello")
}

func TestTheHostKeyIsCheckedWhereItIsGiven(t *testing.T) {
	server := startSSHD(t)
	expectHello(t, with(server.connection(), properties{"hostKey": text(server.hostKey)}))
	_, other := newKey(t)
	_, err := greet(t, with(server.connection(), properties{"hostKey": text(other)}))
	expectError(t, err, "host key mismatch")
}

func TestAnEncryptedKeyNeedsItsPassphrase(t *testing.T) {
	server := startSSHD(t)
	key, err := ssh.ParseRawPrivateKey([]byte(server.privateKey))
	must(t, err)
	locked := with(server.connection(), properties{"privateKey": text(encode(t, *key.(*ed25519.PrivateKey), "open sesame"))})
	expectHello(t, with(locked, properties{"privateKeyPassword": text("open sesame")}))

	it := newSubject(t, remoteCommand)
	_, failures := it.check(properties{"connection": object(locked)})
	if len(failures) != 1 || !strings.Contains(failures[0].Reason, "privateKeyPassword") {
		t.Errorf("failures: %v", failures)
	}
	unknown := with(locked, properties{"privateKeyPassword": resource.MakeComputed(text(""))})
	if _, failures := it.check(properties{"connection": object(unknown)}); len(failures) != 0 {
		t.Errorf("a passphrase that is not known yet: %v", failures)
	}
}

func TestTheAgentIsAskedForKeys(t *testing.T) {
	server := startSSHD(t)
	key, err := ssh.ParseRawPrivateKey([]byte(server.privateKey))
	must(t, err)
	keys := agent.NewKeyring()
	must(t, keys.Add(agent.AddedKey{PrivateKey: key}))
	path := filepath.Join(t.TempDir(), "agent")
	socket, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { socket.Close() })
	go serve(socket, func(c net.Conn) { _ = agent.ServeAgent(keys, c) })

	withoutKey := server.connection()
	delete(withoutKey, "privateKey")
	expectHello(t, with(withoutKey, properties{"agentSocketPath": text(path)}))
	t.Setenv("SSH_AUTH_SOCK", path)
	expectHello(t, withoutKey)
}

func TestAnAgentThatNobodyAskedForMayBeGone(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(t.TempDir(), "gone"))
	server := startSSHD(t)
	expectHello(t, server.connection())
	named := with(server.connection(), properties{"agentSocketPath": text(filepath.Join(t.TempDir(), "gone"))})
	_, err := greet(t, named)
	expectError(t, err, "SSH agent")
}

func TestAPasswordLogsIn(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	config := &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) == "right" {
				return nil, nil
			}
			return nil, fmt.Errorf("refused")
		},
	}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go serve(listener, func(c net.Conn) { sayHello(c, config) })

	there := properties{
		"host": text("127.0.0.1"), "port": number(listener.Addr().(*net.TCPAddr).Port),
		// The type's name means SHA-1, which this server does not offer either.
		"hostKey": text(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))),
	}
	expectHello(t, with(there, properties{"password": text("right")}))
	_, err = greet(t, with(there, properties{"password": text("wrong")}))
	expectError(t, err, "unable to authenticate")
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the password is in the error: %v", err)
	}
}

func TestTheProxyLeadsToTheHost(t *testing.T) {
	bastion, server := startSSHD(t), startSSHD(t)
	expectHello(t, with(server.connection(), properties{
		"hostKey": text(server.hostKey),
		"proxy":   object(with(bastion.connection(), properties{"hostKey": text(bastion.hostKey)})),
	}))
	_, err := greet(t, with(server.connection(), properties{
		"proxy": object(with(bastion.connection(), properties{
			"hostKey": text(server.hostKey), "dialErrorLimit": number(0),
		})),
	}))
	expectError(t, err, "the proxy", "host key mismatch")
}

func TestDialErrorsAreForgivenUpToTheLimit(t *testing.T) {
	nobody := properties{"host": text("127.0.0.1"), "port": number(freePort(t)), "dialErrorLimit": number(2)}
	_, err := greet(t, nobody)
	expectError(t, err, "after 3 attempts", "connection refused")
}

func TestWithoutALimitDiallingEndsOnlyWithTheOperation(t *testing.T) {
	it := newSubject(t, remoteCommand)
	time.AfterFunc(2*time.Second, func() { _ = it.server.SignalCancellation(context.Background()) })
	_, err := it.tryCreate(context.Background(), properties{
		"connection": object(properties{
			"host": text("127.0.0.1"), "port": number(freePort(t)), "dialErrorLimit": number(-1),
		}),
		"create": text("echo hello"),
	})
	expectError(t, err, "cancelled", "connection refused")
}

func TestADialThatIsNotAnsweredEndsAfterItsTime(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go serve(listener, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	start := time.Now()
	_, err = greet(t, properties{
		"host": text("127.0.0.1"), "port": number(listener.Addr().(*net.TCPAddr).Port),
		"perDialTimeout": number(1), "privateKey": text(first(newKey(t))),
	})
	if took := time.Since(start); err == nil || took > 5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

func TestNoConnectionStaysOpen(t *testing.T) {
	server := startSSHD(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	var open atomic.Int32
	go serve(listener, func(c net.Conn) {
		open.Add(1)
		defer open.Add(-1)
		onward, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", server.port))
		if err != nil {
			return
		}
		defer onward.Close()
		go func() { _, _ = io.Copy(c, onward) }()
		_, _ = io.Copy(onward, c)
	})
	connection := with(server.connection(), properties{"port": number(listener.Addr().(*net.TCPAddr).Port)})
	for range 3 {
		expectHello(t, connection)
	}
	for range 50 {
		if open.Load() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d connections are open", open.Load())
}

func TestAMistypedConnectionIsRefusedWithoutItsSecrets(t *testing.T) {
	private, _ := newKey(t)
	base := properties{"host": text("a"), "privateKey": text(private), "password": text("hunter2")}
	for want, change := range map[string]properties{
		`there is no input "private_key"`:          {"private_key": text(private)},
		"connection.port must be number":           {"port": text(private)},
		"connection.password must be string":       {"password": number(5)},
		"port must be a whole number":              {"port": number(70000)},
		"dialErrorLimit must be -1":                {"dialErrorLimit": number(-2)},
		"privateKey is not a private key":          {"privateKey": text("hunter2")},
		"hostKey is not a public key":              {"hostKey": text("hunter2")},
		"connection.proxy.host is missing":         {"proxy": object(properties{"password": text("hunter2")})},
		"connection.proxy.privateKey is not":       {"proxy": object(properties{"host": text("b"), "privateKey": text("hunter2")})},
		"connection.proxy must be object":          {"proxy": text("hunter2")},
		"connection.host must be string":           {"host": object(properties{"password": text("hunter2")})},
		"connection.privateKey must be string":     {"privateKey": object(properties{"a": text("hunter2")})},
		"connection.perDialTimeout must be number": {"perDialTimeout": text("hunter2")},
	} {
		_, failures := newSubject(t, remoteCommand).check(properties{"connection": object(with(base, change))})
		if len(failures) != 1 || !strings.Contains(failures[0].Reason, want) {
			t.Errorf("%s: %v", want, failures)
		}
		if all := fmt.Sprint(failures); strings.Contains(all, "hunter2") || strings.Contains(all, "PRIVATE KEY") {
			t.Errorf("a secret is in %s", all)
		}
	}
}

func first(a, _ string) string { return a }

func serve(listener net.Listener, handle func(net.Conn)) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			handle(connection)
		}()
	}
}

// sayHello is an SSH server that answers every command alike.
func sayHello(c net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for each := range channels {
		channel, orders, err := each.Accept()
		if err != nil {
			return
		}
		for order := range orders {
			_ = order.Reply(order.Type == "exec", nil)
			if order.Type == "exec" {
				_, _ = io.WriteString(channel, "hello\n")
				_, _ = channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
				channel.Close()
			}
		}
	}
}
