package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of resolv.conf(5).
const (
	maxResolvConf  = 64 << 10 // octets
	maxNameServers = 8
)

// portDNS is that of RFC 1035 section 4.2.
const portDNS = 53

// ResolvConf reads the name servers of a resolv.conf(5) file. Search domains and options are not for us:
// a phone's names are complete. A file that is missing or names none means the one on this host, as it
// does to the C library.
func ResolvConf(path string) ([]netip.AddrPort, error) {
	local := []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), portDNS)}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return local, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the name servers: %w", err)
	}
	defer file.Close()
	servers, err := parseResolvConf(io.LimitReader(file, maxResolvConf))
	if err != nil {
		return nil, fmt.Errorf("reading the name servers of %s: %w", path, err)
	}
	if len(servers) == 0 {
		return local, nil
	}
	return servers, nil
}

// parseResolvConf takes the lines "nameserver ADDRESS"; those it does not understand are skipped, as the
// C library does.
func parseResolvConf(r io.Reader) ([]netip.AddrPort, error) {
	var servers []netip.AddrPort
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxResolvConf+1)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		addr, err := netip.ParseAddr(fields[1])
		if err != nil {
			continue
		}
		server := netip.AddrPortFrom(addr.Unmap(), portDNS)
		if !slices.Contains(servers, server) && len(servers) < maxNameServers {
			servers = append(servers, server)
		}
	}
	return servers, lines.Err()
}

// resolvConf follows a resolv.conf as DHCP rewrites it.
type resolvConf struct {
	path string

	mu      sync.Mutex
	read    bool
	time    time.Time
	size    int64
	servers []netip.AddrPort
}

// current is the servers the file names now. While it cannot be read the earlier ones stay.
func (c *resolvConf) current() ([]netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var at time.Time
	size := int64(-1)
	if info, err := os.Stat(c.path); err == nil {
		at, size = info.ModTime(), info.Size()
	}
	if c.read && at.Equal(c.time) && size == c.size {
		return c.servers, nil
	}
	servers, err := ResolvConf(c.path)
	if err != nil {
		if c.read {
			return c.servers, nil
		}
		return nil, err
	}
	c.read, c.time, c.size, c.servers = true, at, size, servers
	return servers, nil
}
