package parts

import (
	"context"
	"flag"
	"fmt"
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
)

// runEtcd runs a one-member etcd that listens on Unix sockets in the working directory: who may open them is a matter of
// file permissions, and no port is taken. It does not fsync: a crash of the machine may lose a playground, and only that.
func runEtcd(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	data := flags.String("data", "", "directory of the data")
	client := flags.String("socket", "", "name of the socket, in the working directory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := embed.NewConfig()
	cfg.Dir = *data
	cfg.ListenClientUrls = []url.URL{{Scheme: "unix", Host: *client}}
	cfg.AdvertiseClientUrls = cfg.ListenClientUrls
	cfg.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: "peer-" + *client}}
	cfg.AdvertisePeerUrls = cfg.ListenPeerUrls
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true
	cfg.LogLevel = "warn"
	cfg.QuotaBackendBytes = 8 << 30
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer server.Close()
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.Err():
		return fmt.Errorf("etcd: %w", err)
	}
}
