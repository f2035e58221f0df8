//go:build tools

// Package ktools pins the versions of the real Kubernetes parts that the end-to-end tests run against.
package ktools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
