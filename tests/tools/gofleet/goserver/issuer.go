package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gofleet/kiampb"
)

// issuer keeps each role's credentials until five minutes before they expire, the Go release's --session-refresh.
type issuer struct {
	baseARN  string
	endpoint string
	duration time.Duration

	mutex sync.Mutex
	made  int
	held  map[string]*issued
}

type issued struct {
	credentials *kiampb.Credentials
	renewAt     time.Time
}

const (
	refreshAhead = 5 * time.Minute
	timeFormat   = "2006-01-02T15:04:05Z"
)

// resolve gives a role's ARN, as the Go release's resolver does.
func (i *issuer) resolve(role string) string {
	if strings.HasPrefix(role, "arn:") {
		return role
	}
	return i.baseARN + strings.TrimPrefix(role, "/")
}

func (i *issuer) credentials(ctx context.Context, role string) (*kiampb.Credentials, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	arn := i.resolve(role)
	if held := i.held[arn]; held != nil && time.Now().Before(held.renewAt) {
		return held.credentials, nil
	}
	keys, err := i.assume(ctx, arn)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	if i.held == nil {
		i.held = map[string]*issued{}
	}
	i.held[arn] = &issued{
		renewAt: now.Add(i.duration - refreshAhead),
		credentials: &kiampb.Credentials{
			Code:            "Success",
			Type:            "AWS-HMAC",
			AccessKeyId:     keys.AccessKeyID,
			SecretAccessKey: keys.SecretAccessKey,
			Token:           keys.SessionToken,
			Expiration:      now.Add(i.duration).Format(timeFormat),
			LastUpdated:     now.Format(timeFormat),
		},
	}
	return i.held[arn].credentials, nil
}

type keys struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string `xml:"SecretAccessKey"`
	SessionToken    string `xml:"SessionToken"`
}

// assume asks an STS emulator, which verifies no signature: the header only has to name a key.
func (i *issuer) assume(ctx context.Context, arn string) (keys, error) {
	i.made++
	if i.endpoint == "" {
		name := strings.TrimPrefix(arn, i.baseARN)
		return keys{fmt.Sprintf("GO-%s-%d", name, i.made), "made-up-secret", "made-up-token"}, nil
	}
	form := url.Values{
		"Action":          {"AssumeRole"},
		"Version":         {"2011-06-15"},
		"RoleArn":         {arn},
		"RoleSessionName": {"kiam-kiam"},
		"DurationSeconds": {fmt.Sprint(int(i.duration.Seconds()))},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return keys{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=AKIAGOSERVER/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return keys{}, err
	}
	defer response.Body.Close()
	var answer struct {
		Keys keys `xml:"AssumeRoleResult>Credentials"`
	}
	if err := xml.NewDecoder(response.Body).Decode(&answer); err != nil {
		return keys{}, err
	}
	if response.StatusCode != http.StatusOK {
		return keys{}, fmt.Errorf("AccessDenied: STS answered %s", response.Status)
	}
	return answer.Keys, nil
}
