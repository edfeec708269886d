package main

import (
	"flag"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcd runs a single member. The cluster is thrown away, so it does not wait for the disk.
func etcd(args []string) {
	flags := flag.NewFlagSet("etcd", flag.ExitOnError)
	dir := flags.String("data-dir", "", "where the data is kept")
	client := flags.String("listen-client-url", "http://127.0.0.1:2379", "where clients connect")
	peer := flags.String("listen-peer-url", "http://127.0.0.1:2380", "where peers would connect")
	_ = flags.Parse(args)

	config := embed.NewConfig()
	config.Dir = *dir
	config.UnsafeNoFsync = true
	config.LogLevel = "warn"
	config.WarningUnaryRequestDuration = time.Second // unset, every request is warned about
	config.AutoCompactionMode = "periodic"
	config.AutoCompactionRetention = "5m"
	config.QuotaBackendBytes = 8 << 30
	config.ListenClientUrls = one(*client)
	config.AdvertiseClientUrls = one(*client)
	config.ListenPeerUrls = one(*peer)
	config.AdvertisePeerUrls = one(*peer)
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	server, err := embed.StartEtcd(config)
	if err != nil {
		fail(err.Error())
	}
	stop := stopped()
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(time.Minute):
		server.Close()
		fail("etcd was not ready within a minute")
	case <-stop:
		server.Close()
		return
	}
	select {
	case err := <-server.Err():
		fail(err.Error())
	case <-stop:
		server.Close()
	}
}

func one(address string) []url.URL {
	parsed, err := url.Parse(address)
	if err != nil {
		fail(err.Error())
	}
	return []url.URL{*parsed}
}
