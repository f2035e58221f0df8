/**
 * The reference for news: a bare watch of all pods, which prints when each first showed an address.
 * argv: URL of the API server, path of its CA, token.
 */
import { readFileSync } from "node:fs";

const [, , url = "", caPath = "", token = ""] = process.argv;
const tls = { ca: readFileSync(caPath, "utf8") };
const headers = { Authorization: `Bearer ${token}` };
const seen = new Set<string>();

const listed = await fetch(`${url}/api/v1/pods?limit=1`, { tls, headers });
const { metadata } = (await listed.json()) as { readonly metadata: { readonly resourceVersion: string } };
const watch = await fetch(`${url}/api/v1/pods?watch=1&resourceVersion=${metadata.resourceVersion}`, { tls, headers });
console.log("watching");

let rest = "";
for await (const chunk of watch.body?.pipeThrough(new TextDecoderStream()) ?? []) {
  const atMs = performance.timeOrigin + performance.now();
  const lines = `${rest}${chunk}`.split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const { object } = JSON.parse(line);
    if (object.status?.podIP !== undefined && !seen.has(object.metadata.name)) {
      seen.add(object.metadata.name);
      console.log(`seen ${object.metadata.name} ${atMs}`);
    }
  }
}
