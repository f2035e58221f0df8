/**
 * The reference for a server's memory: follows all pods as a server does and keeps no more of each than its name and address.
 * argv: URL of the API server, path of its CA.
 */
import { readFileSync } from "node:fs";

const [, , url = "", caPath = ""] = process.argv;
const tls = { ca: readFileSync(caPath, "utf8") };
const pods = new Map<string, { readonly name: string; readonly address: string }>();
let version = "";

interface RawPod {
  readonly metadata: { readonly uid: string; readonly name: string; readonly resourceVersion: string };
  readonly status?: { readonly podIP?: string };
}

function keep({ metadata, status }: RawPod): void {
  pods.set(metadata.uid, { name: metadata.name, address: status?.podIP ?? "" });
}

async function list(): Promise<void> {
  pods.clear();
  for (let next = ""; ; ) {
    const answer = await fetch(`${url}/api/v1/pods?limit=500${next && `&continue=${next}`}`, { tls });
    const page = (await answer.json()) as {
      readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
      readonly items: readonly RawPod[];
    };
    page.items.forEach(keep);
    version = page.metadata.resourceVersion;
    next = page.metadata.continue ?? "";
    if (next === "") {
      return;
    }
  }
}

/** Until the watch ends; then whether it can go on from where it was. */
async function watch(): Promise<boolean> {
  const { body } = await fetch(`${url}/api/v1/pods?watch=1&resourceVersion=${version}`, { tls });
  let rest = "";
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const { type, object } = JSON.parse(line);
      if (type === "ERROR") {
        return false;
      }
      version = object.metadata.resourceVersion;
      if (type === "DELETED") {
        pods.delete(object.metadata.uid);
      } else if (type !== "BOOKMARK") {
        keep(object);
      }
    }
  }
  return true;
}

await list();
console.log("watching");
for (;;) {
  const goesOn = await watch().catch(() => true);
  if (!goesOn) {
    await list();
  }
}
