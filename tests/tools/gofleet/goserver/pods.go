package main

import (
	"encoding/json"
	"os"
)

// pod is what the file says of one pod.
type pod struct {
	IP        string `json:"ip"`
	Role      string `json:"role"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Forbidden bool   `json:"forbidden"`
	Error     string `json:"error"`
	DelayMs   int    `json:"delayMs"`
}

// podFile is the path of the file that stands for the cluster.
type podFile string

// find answers nil where no pod has the address.
func (f podFile) find(ip string) (*pod, error) {
	if f == "" {
		return nil, nil
	}
	text, err := os.ReadFile(string(f))
	if err != nil {
		return nil, err
	}
	var content struct {
		Pods []pod `json:"pods"`
	}
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, err
	}
	for index := range content.Pods {
		if content.Pods[index].IP == ip {
			return &content.Pods[index], nil
		}
	}
	return nil, nil
}
