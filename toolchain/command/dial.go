package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// Time between two dials: it grows by half each time.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// A reach opens a TCP connection, directly or through another host.
type reach func(ctx context.Context, network, address string) (net.Conn, error)

// A client is an SSH connection and those that lead to it.
type client struct {
	*ssh.Client
	via *ssh.Client
}

func (c *client) Close() error {
	err := c.Client.Close()
	if c.via != nil {
		c.via.Close()
	}
	return err
}

// dial logs in, through the proxy if there is one, and tries again as often as the limits allow.
func (c connection) dial(ctx context.Context, log logger) (*client, error) {
	if c.Proxy == nil {
		direct, err := c.endpoint.dial(ctx, log, (&net.Dialer{}).DialContext)
		return &client{Client: direct}, err
	}
	via, err := c.Proxy.dial(ctx, log, (&net.Dialer{}).DialContext)
	if err != nil {
		return nil, fmt.Errorf("the proxy: %w", err)
	}
	target, err := c.endpoint.dial(ctx, log, via.DialContext)
	if err != nil {
		via.Close()
		return nil, err
	}
	return &client{Client: target, via: via}, nil
}

func (e endpoint) dial(ctx context.Context, log logger, open reach) (*ssh.Client, error) {
	pause := firstPause
	for failures := 1; ; failures++ {
		client, err := e.dialOnce(ctx, open)
		if err == nil {
			return client, nil
		}
		if e.DialErrorLimit >= 0 && failures > e.DialErrorLimit {
			return nil, fmt.Errorf("no SSH connection to %s as %s after %d attempts: %w",
				e.address(), e.User, failures, err)
		}
		log.status(ctx, fmt.Sprintf("dial %d to %s failed, trying again: %v", failures, e.address(), err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("no SSH connection to %s as %s after %d attempts: %w",
				e.address(), e.User, failures, err)
		}
		pause = min(pause*3/2, longestPause)
	}
}

// dialOnce opens a connection and logs in, both within the time that a dial may take.
func (e endpoint) dialOnce(ctx context.Context, open reach) (*ssh.Client, error) {
	if e.PerDialTimeout > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(e.PerDialTimeout)*time.Second)
		defer cancel()
		ctx = limited
	}
	config, release, err := e.config(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	tcp, err := open(ctx, "tcp", e.address())
	if err != nil {
		return nil, err
	}
	// The handshake knows no context; closing the connection ends it.
	forget := context.AfterFunc(ctx, func() { tcp.Close() })
	connection, channels, requests, err := ssh.NewClientConn(tcp, e.address(), config)
	if !forget() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		tcp.Close()
		return nil, err
	}
	return ssh.NewClient(connection, channels, requests), nil
}
