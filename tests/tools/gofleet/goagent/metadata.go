package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"gofleet/kiampb"
)

const (
	// handlerMaxDuration and retryInterval are the Go release's.
	handlerMaxDuration = 5 * time.Second
	retryInterval      = 5 * time.Millisecond

	textForbidden = "forbidden by policy"
)

// document is what the pod gets, in the Go release's order.
type document struct {
	Code            string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	LastUpdated     string
}

func routes(client kiampb.KiamServiceClient, allowIPQuery bool) http.Handler {
	mux := http.NewServeMux()
	agent := &agent{client: client, allowIPQuery: allowIPQuery}
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	mux.HandleFunc("/health", agent.health)
	mux.HandleFunc("/{version}/meta-data/iam/security-credentials", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"/", http.StatusPermanentRedirect)
	})
	mux.HandleFunc("/{version}/meta-data/iam/security-credentials/{$}", agent.roleName)
	mux.HandleFunc("/{version}/meta-data/iam/security-credentials/{role...}", agent.credentials)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("request blocked by allow-route-regexp %q: %s", "^$", r.URL.Path), http.StatusNotFound)
	})
	return mux
}

type agent struct {
	client       kiampb.KiamServiceClient
	allowIPQuery bool
}

// health asks the servers; the Go release asks the metadata service too, which is not here.
func (a *agent) health(w http.ResponseWriter, r *http.Request) {
	status, err := a.client.GetHealth(r.Context(), &kiampb.GetHealthRequest{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, status.Message)
}

func (a *agent) roleName(w http.ResponseWriter, r *http.Request) {
	role, err := retry(r.Context(), func(ctx context.Context) (*kiampb.Role, error) {
		return a.client.GetPodRole(ctx, &kiampb.GetPodRoleRequest{Ip: a.address(r)})
	})
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case role.Name == "":
		http.Error(w, "empty role", http.StatusNotFound)
	default:
		fmt.Fprint(w, role.Name)
	}
}

func (a *agent) credentials(w http.ResponseWriter, r *http.Request) {
	credentials, err := retry(r.Context(), func(ctx context.Context) (*kiampb.Credentials, error) {
		request := &kiampb.GetPodCredentialsRequest{Ip: a.address(r), Role: r.PathValue("role")}
		return a.client.GetPodCredentials(ctx, request)
	})
	if err != nil {
		http.Error(w, fmt.Sprintf("error fetching credentials: %s", status.Convert(err).Message()), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(document{
		Code:            credentials.Code,
		Type:            credentials.Type,
		AccessKeyID:     credentials.AccessKeyId,
		SecretAccessKey: credentials.SecretAccessKey,
		Token:           credentials.Token,
		Expiration:      credentials.Expiration,
		LastUpdated:     credentials.LastUpdated,
	})
}

func (a *agent) address(r *http.Request) string {
	if ip := r.URL.Query().Get("ip"); a.allowIPQuery && ip != "" {
		return ip
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return strings.TrimPrefix(host, "::ffff:")
}

// retry calls until it succeeds, five seconds at most, as the handlers of the Go release do: the first pause is 5 ms, each is
// one and a half times the last, give or take half. What policy forbids is not asked again.
func retry[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, handlerMaxDuration)
	defer cancel()
	for pause := retryInterval; ; pause = pause * 3 / 2 {
		answer, err := ask(limited)
		if err == nil || status.Convert(err).Message() == textForbidden {
			return answer, err
		}
		select {
		case <-limited.Done():
			return answer, err
		case <-time.After(time.Duration(float64(pause) * (0.5 + rand.Float64()))):
		}
	}
}
