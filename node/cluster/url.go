package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisKind is how the Redis of a cluster is run.
type redisKind int

const (
	redisSingle   redisKind = iota // one server
	redisSentinel                  // a master that Sentinels name
	redisCluster                   // a Redis Cluster
)

// redisURL is the address of a Redis. It says all of where it is in one value, which fits into one
// variable and one file of a secret, as those of other databases do:
//
//	redis://user:password@host:6379/0             one server; rediss:// with TLS
//	unix:///run/redis.sock                        the same on this machine
//	redis+sentinel://host1,host2,host3/MASTER/0   rediss+sentinel:// with TLS
//	redis+cluster://host1,host2,host3             rediss+cluster:// with TLS
type redisURL struct {
	kind   redisKind
	hosts  []string       // host:port of servers or Sentinels; a path for a unix socket
	master string         // its name with Sentinels
	opts   *redis.Options // what else it says
}

var (
	errRedisURL = errors.New("this is not an address such as redis://user:password@host:6379/0, rediss://host, unix:///run/redis.sock, " +
		"redis+sentinel://host1,host2,host3/MASTER or redis+cluster://host1,host2,host3")
	errSentinelMaster  = errors.New("the name of the master is missing: write redis+sentinel://host1,host2,host3/MASTER")
	errClusterDatabase = errors.New("a Redis Cluster has no databases: nothing may stand behind the hosts")
	errSkipVerify      = errors.New("skip_verify would let anybody play Redis: remove it, and name the authority of the certificate in cluster.redis.tls.ca_file")
	errURLOptions      = errors.New("options behind a question mark are for redis:// and rediss:// alone")
)

// splitURL returns the parts of an address, which net/url has no notion of where there are several hosts.
func splitURL(text string) (scheme, kind, user, hosts, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(text, "://")
	scheme, kind, _ = strings.Cut(scheme, "+")
	hosts = rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		hosts, rest = rest[:end], rest[end:]
	} else {
		rest = ""
	}
	if at := strings.LastIndexByte(hosts, '@'); at >= 0 {
		user, hosts = hosts[:at+1], hosts[at+1:]
	}
	return scheme, kind, user, hosts, rest, ok
}

// parseRedisURL reads an address. Errors do not repeat it: there may be a password in it.
func parseRedisURL(text string) (*redisURL, error) {
	scheme, kind, user, hosts, rest, ok := splitURL(text)
	if !ok {
		return nil, errRedisURL
	}
	if kind != "" && scheme != "redis" && scheme != "rediss" {
		return nil, errRedisURL
	}
	u := &redisURL{}
	defaultPort := "6379"
	switch kind {
	case "":
		if strings.Contains(text, "+://") || scheme != "unix" && strings.Contains(hosts, ",") {
			return nil, errRedisURL
		}
		var err error
		if u.opts, err = redis.ParseURL(text); err != nil {
			return nil, explainURL(err)
		}
		if u.opts.TLSConfig != nil && u.opts.TLSConfig.InsecureSkipVerify {
			return nil, errSkipVerify
		}
		u.hosts = []string{u.opts.Addr}
		return u, nil
	case "sentinel":
		u.kind, defaultPort = redisSentinel, "26379"
	case "cluster":
		u.kind = redisCluster
	default:
		return nil, errRedisURL
	}
	path := strings.Split(strings.Trim(rest, "/"), "/")
	switch {
	case strings.ContainsAny(rest, "?#"):
		return nil, errURLOptions
	case u.kind == redisCluster && path[0] != "":
		return nil, errClusterDatabase
	case u.kind == redisSentinel && path[0] == "":
		return nil, errSentinelMaster
	case u.kind == redisSentinel:
		name, err := url.PathUnescape(path[0])
		if err != nil {
			return nil, errRedisURL
		}
		u.master, path = name, path[1:]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := withPort(host, defaultPort)
		if err != nil {
			return nil, err
		}
		u.hosts = append(u.hosts, addr)
	}
	var err error
	if u.opts, err = redis.ParseURL(scheme + "://" + user + u.hosts[0] + "/" + strings.Join(path, "/")); err != nil || u.opts.Network != "tcp" {
		return nil, errRedisURL
	}
	if u.opts.TLSConfig != nil {
		u.opts.TLSConfig.ServerName = "" // each host has a name of its own
	}
	return u, nil
}

// explainURL returns an error that names options that go-redis does not know. Its other errors repeat values.
func explainURL(err error) error {
	if _, names, ok := strings.Cut(err.Error(), "unexpected option: "); ok {
		return fmt.Errorf("unknown options behind the question mark: %s", names)
	}
	return errRedisURL
}

// withPort adds the port that is meant when none is said.
func withPort(host, port string) (string, error) {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	name, number, err := net.SplitHostPort(host)
	if err != nil || name == "" || strings.ContainsAny(name, " /@") {
		return "", errRedisURL
	}
	if n, err := strconv.Atoi(number); err != nil || n < 1 || n > 65535 {
		return "", errRedisURL
	}
	return host, nil
}
