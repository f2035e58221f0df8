package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"google.golang.org/grpc/credentials"
)

// authority issues the nodes' certificates.
type authority struct {
	pair       tls.Certificate
	pool       *x509.CertPool
	serverName string
	issued     int64
}

func readAuthority(certPath, keyPath, serverName string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	return &authority{pair: pair, pool: pool, serverName: serverName}, nil
}

// clientOf proves the node by DNS:<node>.node.kiam.
func (a *authority) clientOf(node string) (credentials.TransportCredentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a.issued++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixMicro() + a.issued),
		Subject:      pkix.Name{CommonName: "kiam-agent"},
		DNSNames:     []string{node + ".node.kiam"},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(24 * time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.pair.Leaf, &key.PublicKey, a.pair.PrivateKey)
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   a.serverName,
		RootCAs:      a.pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}), nil
}
