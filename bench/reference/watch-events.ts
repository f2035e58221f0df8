/**
 * The reference for withdrawals: a bare watch of all pods and namespaces, which prints when each event came.
 * argv: URL of the API server, path of its CA, token.
 */
import { readFileSync } from "node:fs";

const [, , url = "", caPath = "", token = ""] = process.argv;
const tls = { ca: readFileSync(caPath, "utf8") };
const headers = { Authorization: `Bearer ${token}` };

async function watch(resource: string): Promise<void> {
  const listed = await fetch(`${url}/api/v1/${resource}?limit=1`, { tls, headers });
  const { metadata } = (await listed.json()) as { readonly metadata: { readonly resourceVersion: string } };
  const answer = await fetch(`${url}/api/v1/${resource}?watch=1&resourceVersion=${metadata.resourceVersion}`, {
    tls,
    headers,
  });
  console.log(`watching ${resource}`);
  for await (const _chunk of answer.body ?? []) {
    console.log(`event ${performance.timeOrigin + performance.now()}`);
  }
}

await Promise.all([watch("pods"), watch("namespaces")]);
