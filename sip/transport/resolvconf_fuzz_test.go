package transport

import (
	"bytes"
	"testing"
)

// FuzzResolvConf reads any resolv.conf: what comes out are at most so many addresses, each once.
func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch example.test\n; x\nnameserver\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		servers, _ := parseResolvConf(bytes.NewReader(data))
		if len(servers) > maxNameServers {
			t.Fatalf("%d servers", len(servers))
		}
		for i, s := range servers {
			for _, o := range servers[:i] {
				if s == o {
					t.Fatalf("%v twice", s)
				}
			}
			if !s.IsValid() || s.Port() != portDNS {
				t.Fatalf("server %v", s)
			}
		}
	})
}
