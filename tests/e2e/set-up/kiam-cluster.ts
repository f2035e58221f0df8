import { join } from "node:path";
import { type Cluster, createCluster } from "../cluster/cluster.ts";
import { labImages } from "../cluster/images.ts";
import type { Kubectl } from "../cluster/kubectl.ts";
import { buildKiamImage } from "../image/build-image.ts";
import { must } from "../lab/command.ts";
import { repository, tools } from "../lab/tools.ts";

/** A cluster of two real nodes that kiam runs on as deploy/ has it, with a pod that reads on each node. */
export interface KiamCluster extends AsyncDisposable {
  readonly cluster: Cluster;
  /** What a pod got of the metadata service before kiam was there. */
  readonly before: string;
  /** Since when agents run on both nodes, seconds of Unix time: what pods read before is of the node's. */
  readonly interceptedAt: number;
  /** Waits until what was rolled out is what runs. */
  rolledOut(resource: string): Promise<void>;
}

const manifests = join(repository, "tests/e2e/cluster/manifests");

export async function createKiamCluster(): Promise<KiamCluster> {
  await using undo = new AsyncDisposableStack();
  const cluster = undo.use(await createCluster({ images: [...(await labImages()), (await buildKiamImage()).archive] }));
  const { kubectl } = cluster;
  const rolledOut = async (resource: string) => {
    await kubectl(["--namespace=kiam-system", "rollout", "status", resource, "--timeout=90s"]);
  };
  const files = ["dns.yaml", "sts.yaml", "pods.yaml"].map((name) => `--filename=${join(manifests, name)}`);
  await kubectl(["apply", ...files]);
  await kubectl(["wait", "--namespace=team", "--for=condition=Ready", "pod/gamma", "--timeout=60s"]);
  const before = await askMetadata(kubectl, "gamma", "");

  await kubectl(["apply", "--filename", join(repository, "deploy/base/namespace.yaml")]);
  await kubectl(["apply", "--filename=-"], { stdin: await must([tools.kiam(), "certs", "--secrets"]) });
  await kubectl(["apply", "--kustomize", join(manifests, "kiam")]);
  await kubectl(["wait", "--namespace=sts", "--for=condition=Available", "deployment/sts", "--timeout=60s"]);
  await rolledOut("deployment/kiam-server");
  await rolledOut("daemonset/kiam-agent");
  const interceptedAt = Date.now() / 1_000;
  await Promise.all(cluster.nodes.map(({ metadata }) => metadata.forget()));
  const made = undo.move();
  return { cluster, before, interceptedAt, rolledOut, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

/** What a pod with Python gets from `/latest/meta-data/iam/security-credentials/<path>`: status and body in one text. */
export function askMetadata(kubectl: Kubectl, pod: string, path: string): Promise<string> {
  return inPod(kubectl, pod, ["-c", asking, path]);
}

/** Runs Python in a pod of the namespace `team`; gives its standard output. */
export function inPod(kubectl: Kubectl, pod: string, argv: readonly string[]): Promise<string> {
  return kubectl(["exec", "--namespace=team", pod, "--", "python3", ...argv]);
}

const asking = `
import sys, urllib.error, urllib.request
url = "http://169.254.169.254/latest/meta-data/iam/security-credentials/" + sys.argv[1]
try:
    answer = urllib.request.urlopen(url, timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())`;
