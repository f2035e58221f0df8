import { apiStatus, bookmark, podList, rawPod, watchEvent } from "../../tests/fakes/api-objects.ts";
import { type FakeRequest, startFakeApiServer } from "../../tests/fakes/api-server.ts";
import { nowUs } from "./now.ts";
import { serveSts } from "./sts.ts";

/** An API server and an STS that answer at once: the pods of many nodes, all of one namespace, each with a role. */
export interface SyntheticCluster extends AsyncDisposable {
  readonly apiUrl: string;
  readonly sts: { readonly url: string; readonly calls: readonly string[] };
  /** Gives one pod of each of these nodes an address that says when, all in one piece of the watch. */
  change(nodes: readonly number[]): Promise<void>;
}

export interface ClusterSize {
  readonly nodes: number;
  readonly podsPerNode: number;
  /** How many roles the pods use, besides the one that the first pod of each node has. */
  readonly roles: number;
}

export const sharedRole = "shared";
const pageSize = 500;
const bookmarkEveryMs = 20_000;

export async function startCluster({ nodes, podsPerNode, roles }: ClusterSize): Promise<SyntheticCluster> {
  const sts = serveSts();
  const api = await startFakeApiServer();
  const watches = new Set<FakeRequest>();
  let version = 1;
  const pods = Array.from({ length: nodes * podsPerNode }, (_, index) => podOf(index, "10.0.0.1"));

  function podOf(index: number, address: string) {
    const node = Math.floor(index / podsPerNode);
    const role = index % podsPerNode === 0 ? sharedRole : `role-${(index - node) % roles}`;
    return rawPod({
      name: `pod-${index}`,
      resourceVersion: String(version),
      metadata: { annotations: { "iam.amazonaws.com/role": role } },
      spec: { nodeName: `node-${node}` },
      status: { podIP: address, podIPs: [{ ip: address }] },
    });
  }

  function answer(request: FakeRequest): void {
    const isPods = request.path === "/api/v1/pods";
    if (!isPods && request.path !== "/api/v1/namespaces") {
      request.answer(404, apiStatus(404, "not found"));
    } else if (request.query["watch"] !== undefined) {
      request.open();
      if (isPods) {
        watches.add(request);
        void request.left.then(() => watches.delete(request));
      }
    } else if (isPods) {
      const first = Number(request.query["continue"] ?? 0);
      const next = first + pageSize;
      request.answer(200, podList(pods.slice(first, next), String(version), next < pods.length ? String(next) : ""));
    } else {
      const annotations = { "iam.amazonaws.com/permitted": ".*" };
      request.answer(200, podList([{ metadata: { name: "default", resourceVersion: "1", annotations } }], "1"));
    }
  }

  async function tell(lines: readonly unknown[]): Promise<void> {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    await Promise.all([...watches].map((watch) => watch.send(text)));
  }

  async function serve(): Promise<void> {
    for (;;) {
      answer(await api.next());
    }
  }

  void serve();
  const bookmarks = setInterval(() => void tell([bookmark(String(version))]), bookmarkEveryMs);
  return {
    apiUrl: api.baseUrl,
    sts,
    async change(which) {
      const address = stampedAddress(nowUs());
      await tell(
        which.map((node) => {
          version += 1;
          const index = node * podsPerNode + 1;
          pods[index] = podOf(index, address);
          return watchEvent("MODIFIED", pods[index]);
        }),
      );
    },
    async [Symbol.asyncDispose]() {
      clearInterval(bookmarks);
      await api[Symbol.asyncDispose]();
      await sts[Symbol.asyncDispose]();
    },
  };
}

/** As tests/tools/gofleet/gonodes reads it: fd00::/64 and the microseconds. */
function stampedAddress(us: number): string {
  const digits = us.toString(16).padStart(16, "0");
  return `fd00:0:0:0:${[0, 4, 8, 12].map((at) => digits.slice(at, at + 4)).join(":")}`;
}
