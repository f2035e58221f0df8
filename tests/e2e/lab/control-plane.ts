import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./command.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { createKubernetesApi, type KubernetesApi } from "./kubernetes-api.ts";
import type { Netns } from "./netns.ts";
import { createAuthority } from "./pki.ts";
import type { LabProcess } from "./process.ts";
import { tools } from "./tools.ts";
import { waitFor } from "./wait.ts";

/** A real kube-apiserver over a real etcd, with RBAC and service account tokens, and no controllers. */
export interface ControlPlane extends AsyncDisposable {
  /** The administrator's. */
  readonly api: KubernetesApi;
  /** As seen from the lab's namespaces. */
  readonly url: string;
  /** Paths of the API server's CA certificate and of the administrator's kubeconfig. */
  readonly ca: string;
  readonly kubeconfig: string;
  /** Path of the key that service accounts' tokens are signed with. */
  readonly signer: string;
  readonly apiServer: LabProcess;
  /** Ends the API server (SIGKILL); etcd goes on. */
  stopApiServer(): Promise<void>;
  /** Starts it again on the same data. */
  startApiServer(): Promise<void>;
}

/** Who may use the API server besides the administrator. */
export interface ApiUser {
  readonly token: string;
  readonly name: string;
  readonly group: string;
}

const administrator: ApiUser = { token: "lab-administrator", name: "admin", group: "system:masters" };

/** @param address of `netns`, on which the API server listens and which it advertises */
export async function startControlPlane(
  netns: Netns,
  address: string,
  directory: string,
  users: readonly ApiUser[] = [],
): Promise<ControlPlane> {
  await using undo = new AsyncDisposableStack();
  await mkdir(directory, { recursive: true });
  const authority = await createAuthority(join(directory, "pki"), "lab-kubernetes");
  const serving = await authority.issue({
    commonName: "kube-apiserver",
    names: ["DNS:localhost", "DNS:kubernetes.default.svc", "IP:127.0.0.1", `IP:${address}`, `IP:${serviceAddress}`],
    usage: "serverAuth",
  });
  const signer = join(directory, "service-accounts.pem");
  await must(["openssl", "genrsa", "-out", signer, "2048"]);
  const tokens = [administrator, ...users].map(({ token, name, group }) => `${token},${name},${name},${group}\n`);
  await writeFile(join(directory, "tokens.csv"), tokens.join(""), { mode: 0o600 });

  const url = `https://${address}:6443`;
  const ca = serving.ca;
  const kubeconfig = await writeKubeconfig({
    path: join(directory, "admin.kubeconfig"),
    server: url,
    ca,
    token: administrator.token,
  });
  const caText = await readFile(ca, "utf8");
  const api = createKubernetesApi({ fetch: netns.fetch, url, ca: caText, token: administrator.token });

  undo.use(netns.start("etcd", etcdArguments(directory), { disposeSignal: "SIGKILL" }));
  const argv = apiServerArguments({ address, directory, signer, cert: serving.cert, key: serving.key });
  const startApiServer = async () => {
    const started = netns.start("kube-apiserver", argv, { disposeSignal: "SIGKILL" });
    const isReady = async () => (await api.request("GET", "/readyz")).status === 200 || undefined;
    await Promise.race([
      waitFor("the API server to be ready", isReady, 60_000),
      started.exited.then((code) => Promise.reject(new Error(`kube-apiserver: exit ${code}\n${started.output()}`))),
    ]);
    return started;
  };
  let apiServer = await startApiServer();
  undo.defer(() => apiServer[Symbol.asyncDispose]());
  const made = undo.move();

  return {
    api,
    url,
    ca,
    kubeconfig,
    signer,
    get apiServer() {
      return apiServer;
    },
    async stopApiServer() {
      await apiServer.stop("SIGKILL");
    },
    async startApiServer() {
      apiServer = await startApiServer();
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** Of the Service `kubernetes`: the first address of the Services' range. */
const serviceAddress = "10.96.0.1";

const etcdUrl = "http://127.0.0.1:2379";

function etcdArguments(directory: string): readonly string[] {
  return [
    tools.kubernetes("etcd"),
    `--data-dir=${join(directory, "etcd")}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    "--listen-peer-urls=http://127.0.0.1:2380",
    "--unsafe-no-fsync",
    "--log-level=error",
  ];
}

interface ApiServerFiles {
  readonly address: string;
  readonly directory: string;
  readonly signer: string;
  readonly cert: string;
  readonly key: string;
}

function apiServerArguments({ address, directory, signer, cert, key }: ApiServerFiles): readonly string[] {
  const issuer = "https://kubernetes.default.svc.cluster.local";
  return [
    tools.kubernetes("kube-apiserver"),
    `--etcd-servers=${etcdUrl}`,
    "--secure-port=6443",
    `--bind-address=${address}`,
    // Without a default route it could not find one by itself.
    `--advertise-address=${address}`,
    `--tls-cert-file=${cert}`,
    `--tls-private-key-file=${key}`,
    `--token-auth-file=${join(directory, "tokens.csv")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--kubelet-preferred-address-types=InternalIP",
    `--service-account-issuer=${issuer}`,
    `--service-account-key-file=${signer}`,
    `--service-account-signing-key-file=${signer}`,
    "--service-cluster-ip-range=10.96.0.0/16",
  ];
}
