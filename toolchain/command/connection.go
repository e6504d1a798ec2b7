package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// An endpoint is an SSH server and how to log in to it.
type endpoint struct {
	Host string `json:"host"`
	// Port is a number of any kind for the SDK.
	Port               float64 `json:"port"`
	User               string  `json:"user"`
	Password           *string `json:"password"`
	PrivateKey         *string `json:"privateKey"`
	PrivateKeyPassword *string `json:"privateKeyPassword"`
	AgentSocketPath    *string `json:"agentSocketPath"`
	// HostKey is a public key in the format of authorized_keys; without it, any key is accepted.
	HostKey *string `json:"hostKey"`
	// DialErrorLimit is how many failed dials are forgiven; -1 is any number.
	DialErrorLimit int `json:"dialErrorLimit"`
	// PerDialTimeout is in seconds; 0 is none.
	PerDialTimeout int `json:"perDialTimeout"`
}

// A connection is the endpoint that commands run on, and the bastion that leads to it, if any.
type connection struct {
	endpoint
	Proxy *endpoint `json:"proxy"`
}

func (c connection) problems(inputs properties) []plugin.CheckFailure {
	wrong := func(format string, values ...any) []plugin.CheckFailure {
		return []plugin.CheckFailure{{Property: "connection", Reason: fmt.Sprintf(format, values...)}}
	}
	switch {
	case missing(inputs, "connection"):
		return wrong("is missing")
	case missing(inputs, "connection", "host"):
		return wrong("connection.host is missing")
	case !missing(inputs, "connection", "proxy") && missing(inputs, "connection", "proxy", "host"):
		return wrong("connection.proxy.host is missing")
	}
	if err := c.endpoint.without(inputs, "connection").check(); err != nil {
		return wrong("connection.%v", err)
	}
	if c.Proxy != nil {
		if err := c.Proxy.without(inputs, "connection", "proxy").check(); err != nil {
			return wrong("connection.proxy.%v", err)
		}
	}
	return nil
}

// without returns the endpoint without its key if the key's passphrase is given but not known yet.
func (e endpoint) without(inputs properties, path ...resource.PropertyKey) endpoint {
	if e.PrivateKeyPassword == nil && !missing(inputs, append(path, "privateKeyPassword")...) {
		e.PrivateKey = nil
	}
	return e
}

// check reports what can be known to be wrong before dialling, never with a value that may be secret.
func (e endpoint) check() error {
	if e.Port != 0 && (e.Port != math.Trunc(e.Port) || e.Port < 1 || e.Port > 65535) {
		return fmt.Errorf("port must be a whole number from 1 to 65535 (got %g)", e.Port)
	}
	if e.DialErrorLimit < -1 {
		return fmt.Errorf("dialErrorLimit must be -1 (no limit) or more (got %d)", e.DialErrorLimit)
	}
	if e.PerDialTimeout < 0 {
		return fmt.Errorf("perDialTimeout must be 0 (no limit) or more (got %d)", e.PerDialTimeout)
	}
	if _, err := e.signer(); err != nil {
		return err
	}
	_, _, err := e.hostKey()
	return err
}

// signer returns the private key, or nil if there is none.
func (e endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKey == nil {
		return nil, nil
	}
	var signer ssh.Signer
	var err error
	if e.PrivateKeyPassword != nil {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	} else {
		signer, err = ssh.ParsePrivateKey([]byte(*e.PrivateKey))
	}
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, errors.New("privateKey is encrypted: privateKeyPassword must be its passphrase")
	}
	if err != nil {
		// The parser's own words may quote the key.
		return nil, errors.New("privateKey is not a private key in PEM or OpenSSH format, or its passphrase is wrong")
	}
	return signer, nil
}

// hostKey returns how to check the server's key, and which algorithms to ask it for.
func (e endpoint) hostKey() (ssh.HostKeyCallback, []string, error) {
	if e.HostKey == nil {
		return ssh.InsecureIgnoreHostKey(), nil, nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
	if err != nil {
		return nil, nil, errors.New("hostKey is not a public key like \"ssh-ed25519 AAAA…\"")
	}
	algorithms := []string{key.Type()}
	if key.Type() == ssh.KeyAlgoRSA {
		// The type's own name stands for SHA-1, which servers refuse by now.
		algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return ssh.FixedHostKey(key), algorithms, nil
}

// config returns what the SSH client needs, and a function that ends the use of the agent.
func (e endpoint) config(ctx context.Context) (*ssh.ClientConfig, func(), error) {
	checkHost, algorithms, err := e.hostKey()
	if err != nil {
		return nil, nil, err
	}
	signer, err := e.signer()
	if err != nil {
		return nil, nil, err
	}
	agentSigners, release, err := e.agent(ctx)
	if err != nil {
		return nil, nil, err
	}
	// The client tries each method of SSH once, so one callback has to offer all keys.
	keys := func() ([]ssh.Signer, error) {
		signers := []ssh.Signer{}
		if signer != nil {
			signers = append(signers, signer)
		}
		more, err := agentSigners()
		return append(signers, more...), err
	}
	config := &ssh.ClientConfig{
		User:              e.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(keys)},
		HostKeyCallback:   checkHost,
		HostKeyAlgorithms: algorithms,
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(e.answer))
	}
	return config, release, nil
}

// answer gives the password to every question of the server.
func (e endpoint) answer(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *e.Password
	}
	return answers, nil
}

// agent returns the keys of the agent that the endpoint names, or else SSH_AUTH_SOCK.
func (e endpoint) agent(ctx context.Context) (func() ([]ssh.Signer, error), func(), error) {
	path := os.Getenv("SSH_AUTH_SOCK")
	if e.AgentSocketPath != nil {
		path = *e.AgentSocketPath
	}
	none := func() ([]ssh.Signer, error) { return nil, nil }
	if path == "" {
		return none, func() {}, nil
	}
	socket, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil && e.AgentSocketPath == nil && (e.PrivateKey != nil || e.Password != nil) {
		// Nobody asked for this agent, and there are other ways to log in.
		return none, func() {}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("asking the SSH agent: %w", err)
	}
	return agent.NewClient(socket).Signers, func() { socket.Close() }, nil
}

func (e endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}
