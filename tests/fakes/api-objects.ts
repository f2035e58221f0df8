/** Objects as the API server writes them; give what matters to the test. */
export function rawPod(overrides: RawPod = {}): Record<string, unknown> {
  const {
    name = "reader",
    uid = `uid-${name}`,
    resourceVersion = "10",
    metadata = {},
    spec = {},
    status = {},
  } = overrides;
  return {
    metadata: {
      name,
      namespace: "default",
      uid,
      resourceVersion,
      creationTimestamp: "2026-01-01T00:00:00Z",
      annotations: { "iam.amazonaws.com/role": "reader" },
      ...metadata,
    },
    spec: { nodeName: "node-a", restartPolicy: "Always", containers: [{ name: "app", image: "app" }], ...spec },
    status: {
      phase: "Running",
      hostIP: "192.168.0.1",
      podIP: "10.0.0.1",
      podIPs: [{ ip: "10.0.0.1" }],
      startTime: "2026-01-01T00:00:05Z",
      ...status,
    },
  };
}

interface RawPod {
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** One page, the last unless it names where the next begins. */
export function podList(items: readonly unknown[], resourceVersion: string, next = ""): Record<string, unknown> {
  return { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion, continue: next }, items };
}

export function watchEvent(type: string, object: unknown): Record<string, unknown> {
  return { type, object };
}

export function bookmark(resourceVersion: string): Record<string, unknown> {
  return watchEvent("BOOKMARK", { kind: "Pod", apiVersion: "v1", metadata: { resourceVersion } });
}

/** What the API server answers with when it does not do what it is asked. */
export function apiStatus(code: number, message: string): Record<string, unknown> {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code };
}
