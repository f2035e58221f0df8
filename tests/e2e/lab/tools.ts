import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";

export const repository = resolve(import.meta.dir, "../../..");

/** Where `scripts/setup.sh --tests` puts what it installs and builds. */
export const cacheDirectory =
  process.env["KIAM_TEST_CACHE"] ?? join(process.env["HOME"] ?? "/root", ".cache/kiam-test");

/** What every command of the lab looks programs up in: setup.sh's own come first. */
export const searchPath = [join(cacheDirectory, "bin"), process.env["PATH"], "/usr/sbin", "/sbin"].join(delimiter);

/** The programs that stand for the rest of the world in the lab. */
export const tools = {
  /** A directory with kube-apiserver and etcd, by envtest's convention. */
  kubernetes: (name: "kube-apiserver" | "etcd") =>
    executable(join(process.env["KUBEBUILDER_ASSETS"] ?? join(cacheDirectory, "bin"), name)),
  /** Another part of a cluster. */
  part: (
    name: "kube-controller-manager" | "kube-scheduler" | "kube-proxy" | "kubelet" | "kubectl" | "coredns" | "pause",
  ) => executable(join(cacheDirectory, "bin", name)),
  /** A program of the Python environment that tests/tools/requirements.txt describes. */
  python: (name: "python" | "aws" | "moto_server") => executable(join(cacheDirectory, "venv/bin", name)),
  /** A server or an agent of grpc-go that behaves as the Go release's, or many nodes: tests/tools/gofleet says how it is used. */
  goFleet: (name: "goserver" | "goagent" | "gonodes") => executable(join(cacheDirectory, "bin", name)),
  /** Go's regexp: tests/tools/goregexp says how it is asked. */
  goRegexp: () => executable(join(cacheDirectory, "bin/goregexp")),
  prometheus: (name: "prometheus" | "promtool") => executable(join(cacheDirectory, "bin", name)),
  /** Node, for the JavaScript SDK as pods run it. */
  node: () => program("node"),
  /** The Bun that runs this test. */
  bun: () => process.execPath,
  /** The compiled binary under test: `KIAM_BINARY`, else what `bun run build` made. */
  kiam: () => executable(process.env["KIAM_BINARY"] ?? join(repository, "dist/kiam")),
};

function program(name: string): string {
  const path = Bun.which(name, { PATH: searchPath });
  if (path === null) {
    throw new Error(`${name} is not installed: run scripts/setup.sh --tests`);
  }
  return path;
}

function executable(path: string): string {
  try {
    accessSync(path, constants.X_OK);
  } catch (cause) {
    throw new Error(`${path} is missing: run scripts/setup.sh --tests, and bun run build`, { cause });
  }
  return path;
}
