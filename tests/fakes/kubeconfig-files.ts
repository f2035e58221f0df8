import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directly } from "../../src/domain/egress.ts";
import type { ApiConnection } from "../../src/kubernetes/connection.ts";
import { kubeconfigConnection } from "../../src/kubernetes/kubeconfig.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import type { RunCommand } from "../../src/runtime/command.ts";
import { createTestAuthority } from "../fixtures/tls.ts";
import { createFakeClock } from "./clock.ts";

export const authority = createTestAuthority();
export const clientPair = authority.issue({ usage: "client" });
export const base64 = (text: string) => Buffer.from(text).toString("base64");

interface Parts {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** JSON is YAML too. */
export function kubeconfigText({ cluster = {}, user = {}, context = {} }: Parts): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    clusters: [
      { name: "other", cluster: { server: "https://wrong" } },
      { name: "c", cluster: { server: "https://api.example:6443", ...cluster } },
    ],
    users: [{ name: "u", user }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u", ...context } }],
  });
}

export async function directoryWith(files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "kiam-kubeconfig-"));
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  await Promise.all(Object.entries(files).map(([name, text]) => write(name, text)));
  return { path: join(directory, "config"), write, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

const noPlugin: RunCommand = async () => {
  throw new Error("no plugin runs here");
};

export function read(path: string, run = noPlugin, egress = directly) {
  return kubeconfigConnection(path, { run, clock: createFakeClock(), env: { HOME: "/home/kiam" }, egress });
}

export async function connected(path: string, run = noPlugin, egress = directly): Promise<ApiConnection> {
  const result = await read(path, run, egress);
  if (result.kind !== "connection") {
    throw new Error(result.problem);
  }
  return result.connection;
}

export async function accessOf(parts: Parts, files: Readonly<Record<string, string>> = {}) {
  await using directory = await directoryWith({ ...files, config: kubeconfigText(parts) });
  return await (await connected(directory.path)).access(neverAborted());
}
