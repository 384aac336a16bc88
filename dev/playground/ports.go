package playground

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
)

// ports are the TCP ports on loopback that this playground listens on. They are kept in its directory, so that a resume has
// the same addresses. etcd listens on a Unix socket and needs none.
type ports struct {
	API     int `json:"api"`
	Kubelet int `json:"kubelet"`
}

// choosePorts returns the kept ports where they are still free, else new ones, and keeps the choice.
func choosePorts(dir string) (ports, error) {
	path := filepath.Join(dir, "ports.json")
	var p ports
	if data, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(data, &p) // a damaged file only costs new ports
	}
	for _, port := range []*int{&p.API, &p.Kubelet} {
		if *port != 0 && free(*port) {
			continue
		}
		found, err := freePort()
		if err != nil {
			return ports{}, err
		}
		*port = found
	}
	data, err := json.Marshal(p)
	if err != nil {
		return ports{}, err
	}
	return p, os.WriteFile(path, data, 0o600)
}

// freePort picks below 32768, where Linux by default begins to number outgoing connections: between this look and the
// part's own listen no such connection can take the port.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free TCP port on 127.0.0.1 between 20000 and 32000")
}

func free(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
