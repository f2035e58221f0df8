// Package mutualtls makes both sides' TLS as the Go release does: files are read again at each handshake, so that they may
// be replaced under a running process.
package mutualtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"
)

// Files are the PEM files of one side.
type Files struct {
	Cert, Key, CA string
}

// Bind adds the Go release's flags.
func (f *Files) Bind(flags *flag.FlagSet) {
	flags.StringVar(&f.Cert, "cert", "", "Certificate path")
	flags.StringVar(&f.Key, "key", "", "Key path")
	flags.StringVar(&f.CA, "ca", "", "CA certificate path")
}

func (f *Files) load() (*tls.Certificate, *x509.CertPool, error) {
	certificate, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, nil, err
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("no certificate in %s", f.CA)
	}
	return &certificate, pool, nil
}

// Server requires clients to show a certificate that the CA has signed.
func (f *Files) Server() (credentials.TransportCredentials, error) {
	if _, _, err := f.load(); err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			certificate, pool, err := f.load()
			if err != nil {
				return nil, err
			}
			return &tls.Config{
				MinVersion:   tls.VersionTLS12,
				NextProtos:   []string{"h2"},
				ClientAuth:   tls.RequireAndVerifyClientCert,
				Certificates: []tls.Certificate{*certificate},
				ClientCAs:    pool,
			}, nil
		},
	}), nil
}

// Client verifies the server's name against the CA as it is at each handshake.
func (f *Files) Client(serverName string) (credentials.TransportCredentials, error) {
	if _, _, err := f.load(); err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: serverName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			certificate, _, err := f.load()
			return certificate, err
		},
		// RootCAs can't change under a configuration, so the same verification is done by hand.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, pool, err := f.load()
			if err != nil {
				return err
			}
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server showed no certificate")
			}
			intermediates := x509.NewCertPool()
			for _, certificate := range state.PeerCertificates[1:] {
				intermediates.AddCert(certificate)
			}
			_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{
				DNSName:       serverName,
				Roots:         pool,
				Intermediates: intermediates,
			})
			return err
		},
	}), nil
}
