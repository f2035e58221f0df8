/**
 * The reference for starting on a large cluster: lists all pods in pages as the server does, keeps nothing, and prints how
 * long it took and its memory. argv: URL of the API server, path of its CA, token.
 */
import { readFileSync } from "node:fs";

const [, , url = "", caPath = "", token = ""] = process.argv;
const tls = { ca: readFileSync(caPath, "utf8") };
const headers = { Authorization: `Bearer ${token}` };

let next = "";
let pods = 0;
do {
  const page = await fetch(`${url}/api/v1/pods?limit=500&continue=${encodeURIComponent(next)}`, { tls, headers });
  const { items, metadata } = (await page.json()) as {
    readonly items: readonly unknown[];
    readonly metadata: { readonly continue?: string };
  };
  pods += items.length;
  next = metadata.continue ?? "";
} while (next !== "");
console.log(`listed ${pods} ${performance.timeOrigin + performance.now()}`);
setInterval(() => undefined, 60_000);
