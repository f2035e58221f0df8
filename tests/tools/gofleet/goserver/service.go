package main

import (
	"context"
	"errors"
	"time"

	"gofleet/kiampb"
)

// Handlers return plain errors, as the Go release's do: grpc-go gives those code Unknown. The two services' texts for an
// address that nobody has differ there too.
var (
	errRolePodNotFound        = errors.New("pod not found")
	errCredentialsPodNotFound = errors.New("no pod found")
	errForbidden              = errors.New("forbidden by policy")
)

type service struct {
	kiampb.UnimplementedKiamServiceServer
	pods   podFile
	issuer *issuer
}

func (s *service) findPod(ctx context.Context, ip string, notFound error) (*pod, error) {
	pod, err := s.pods.find(ip)
	if err != nil {
		return nil, err
	}
	if pod == nil {
		return nil, notFound
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(pod.DelayMs) * time.Millisecond):
	}
	if pod.Error != "" {
		return nil, errors.New(pod.Error)
	}
	return pod, nil
}

func (s *service) GetPodRole(ctx context.Context, request *kiampb.GetPodRoleRequest) (*kiampb.Role, error) {
	pod, err := s.findPod(ctx, request.Ip, errRolePodNotFound)
	if err != nil {
		return nil, err
	}
	return &kiampb.Role{Name: pod.Role}, nil
}

func (s *service) GetPodCredentials(ctx context.Context, request *kiampb.GetPodCredentialsRequest) (*kiampb.Credentials, error) {
	pod, err := s.findPod(ctx, request.Ip, errCredentialsPodNotFound)
	if err != nil {
		return nil, err
	}
	if pod.Forbidden || pod.Role == "" || s.issuer.resolve(request.Role) != s.issuer.resolve(pod.Role) {
		return nil, errForbidden
	}
	return s.issuer.credentials(ctx, request.Role)
}

func (s *service) GetHealth(context.Context, *kiampb.GetHealthRequest) (*kiampb.HealthStatus, error) {
	return &kiampb.HealthStatus{Message: "ok"}, nil
}
