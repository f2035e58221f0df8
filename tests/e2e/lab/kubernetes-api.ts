import { parseAllDocuments } from "yaml";
import type { Reach } from "./reach.ts";

interface KubernetesResponse {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads of an answer what it needs
  readonly body: any;
}

export interface NewPod {
  readonly namespace: string;
  readonly name: string;
  /** Scheduled there at once; absent: not scheduled yet. */
  readonly nodeName?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** `default` unless told, which {@link KubernetesApi.createNamespace} makes. */
  readonly serviceAccountName?: string;
  readonly hostNetwork?: boolean;
  /** Merged over the pod's specification. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

interface TokenRequest {
  readonly namespace: string;
  readonly name: string;
  /** `kiam-server` for an agent's; absent: the API server's own. */
  readonly audience?: string;
  /** Binds the token to a pod of the namespace, as a projected one is. */
  readonly boundPod?: { readonly name: string; readonly uid: string };
  /** 3600 unless told; the API server takes no less than 600. */
  readonly expirationSeconds?: number;
}

/** What a test does to the cluster, as one user. Every method throws when the API server refuses; `request` does not. */
export interface KubernetesApi {
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<KubernetesResponse>;
  /** The same API as another user. */
  as(token: string): KubernetesApi;
  /** Makes the namespace and its `default` service account, which a controller would make. */
  createNamespace(name: string, annotations?: Readonly<Record<string, string>>): Promise<void>;
  createServiceAccount(namespace: string, name: string): Promise<void>;
  createServiceAccountToken(request: TokenRequest): Promise<string>;
  /** Gives the pod's UID. It is Pending, without an address: {@link patchPodStatus} plays the kubelet. */
  createPod(pod: NewPod): Promise<{ readonly name: string; readonly namespace: string; readonly uid: string }>;
  /** Merges into the status: `{ phase: "Running", podIP, podIPs, hostIP, startTime, containerStatuses }`. */
  patchPodStatus(namespace: string, name: string, status: Readonly<Record<string, unknown>>): Promise<void>;
  /** What a kubelet says of a pod that runs with this address, or with these. */
  runPod(namespace: string, name: string, address: string | readonly string[], hostAddress: string): Promise<void>;
  /** Gone at once, without a grace period. */
  deletePod(namespace: string, name: string): Promise<void>;
  /** Sets annotations of a pod, or of the namespace where no pod is named; null removes one. */
  annotate(
    target: { readonly namespace: string; readonly pod?: string },
    annotations: Readonly<Record<string, string | null>>,
  ): Promise<void>;
  /** Applies every document of a YAML manifest, as `kubectl apply --server-side` does. */
  apply(manifest: string): Promise<void>;
}

export interface ApiConnection {
  readonly fetch: Reach["fetch"];
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

const mergePatch = "application/merge-patch+json";
const applyPatch = "application/apply-patch+yaml";

export function createKubernetesApi(connection: ApiConnection): KubernetesApi {
  const request: KubernetesApi["request"] = async (method, path, body, contentType = "application/json") => {
    const response = await connection.fetch(`${connection.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${connection.token}`, "Content-Type": contentType, Accept: "application/json" },
      tls: { ca: connection.ca, rejectUnauthorized: true },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  };
  const must: typeof request = async (method, path, body, contentType) => {
    const response = await request(method, path, body, contentType);
    if (response.status >= 300) {
      throw new Error(`${method} ${path}: ${response.status} ${response.body.message ?? response.body}`);
    }
    return response;
  };
  const core = (namespace: string, rest: string) => `/api/v1/namespaces/${namespace}/${rest}`;

  const api: KubernetesApi = {
    request,
    as: (token) => createKubernetesApi({ ...connection, token }),
    async createNamespace(name, annotations = {}) {
      await must("POST", "/api/v1/namespaces", { metadata: { name, annotations } });
      await api.createServiceAccount(name, "default");
    },
    async createServiceAccount(namespace, name) {
      await must("POST", core(namespace, "serviceaccounts"), { metadata: { name } });
    },
    async createServiceAccountToken({ namespace, name, audience, boundPod, expirationSeconds = 3600 }) {
      const spec = {
        expirationSeconds,
        ...(audience === undefined ? {} : { audiences: [audience] }),
        ...(boundPod === undefined ? {} : { boundObjectRef: { apiVersion: "v1", kind: "Pod", ...boundPod } }),
      };
      const { body } = await must("POST", core(namespace, `serviceaccounts/${name}/token`), { spec });
      return body.status.token;
    },
    async createPod(pod) {
      const { body } = await must("POST", core(pod.namespace, "pods"), podManifest(pod));
      return { name: pod.name, namespace: pod.namespace, uid: body.metadata.uid };
    },
    async patchPodStatus(namespace, name, status) {
      await must("PATCH", core(namespace, `pods/${name}/status`), { status }, mergePatch);
    },
    async runPod(namespace, name, address, hostAddress) {
      const startTime = new Date().toISOString();
      await api.patchPodStatus(namespace, name, {
        phase: "Running",
        podIP: [address].flat()[0],
        podIPs: [address].flat().map((ip) => ({ ip })),
        hostIP: hostAddress,
        hostIPs: [{ ip: hostAddress }],
        startTime,
        containerStatuses: [
          {
            name: "main",
            image: "lab",
            imageID: "lab",
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: startTime } },
          },
        ],
      });
    },
    async deletePod(namespace, name) {
      await must("DELETE", core(namespace, `pods/${name}`), { gracePeriodSeconds: 0 });
    },
    async annotate({ namespace, pod }, annotations) {
      const path = pod === undefined ? `/api/v1/namespaces/${namespace}` : core(namespace, `pods/${pod}`);
      await must("PATCH", path, { metadata: { annotations } }, mergePatch);
    },
    async apply(manifest) {
      for (const document of parseAllDocuments(manifest)) {
        const object: Manifest | null = document.toJS();
        if (object !== null) {
          const path = await pathOf(object, must);
          await must("PATCH", `${path}?fieldManager=lab&force=true`, object, applyPatch);
        }
      }
    },
  };
  return api;
}

function podManifest({
  name,
  nodeName,
  annotations = {},
  labels = {},
  serviceAccountName = "default",
  hostNetwork = false,
  spec,
}: NewPod) {
  return {
    metadata: { name, annotations, labels },
    spec: {
      serviceAccountName,
      hostNetwork,
      containers: [{ name: "main", image: "lab" }],
      ...(nodeName === undefined ? {} : { nodeName }),
      ...spec,
    },
  };
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Asks the API server what it calls the manifest's kind in a path. */
async function pathOf({ apiVersion, kind, metadata }: Manifest, get: KubernetesApi["request"]): Promise<string> {
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { body } = await get("GET", base);
  const resources: readonly ApiResource[] = body.resources;
  const resource = resources.find((each) => each.kind === kind && !each.name.includes("/"));
  if (resource === undefined) {
    throw new Error(`the API server knows no ${kind} of ${apiVersion}`);
  }
  const scope = resource.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
  return `${base}${scope}/${resource.name}/${metadata.name}`;
}
