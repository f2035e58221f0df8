/**
 * Makes many pods over connections that stay, a tenth of them with a role. Runs where the API server is.
 * argv: path of an administrator's kubeconfig, path of the API server's CA, namespace, how many, bytes of JSON of each.
 */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

const [, , kubeconfigPath = "", caPath = "", namespace = "", count = "0", bytes = "0"] = process.argv;
const { clusters, users } = parse(readFileSync(kubeconfigPath, "utf8"));
const tls = { ca: readFileSync(caPath, "utf8") };
const url = `${clusters[0].cluster.server}/api/v1/namespaces/${namespace}/pods`;
const headers = { Authorization: `Bearer ${users[0].user.token}`, "Content-Type": "application/json" };
const writers = 32;

async function create(number: number, padding: number): Promise<string> {
  const role = number % 10 === 0 ? { "iam.amazonaws.com/role": `role-${number % 100}` } : {};
  const pod = {
    metadata: { name: `pod-${number}`, annotations: { ...role, padding: "x".repeat(padding) } },
    spec: {
      serviceAccountName: "default",
      nodeName: `node-${number % 300}`,
      containers: [{ name: "main", image: "lab" }],
    },
  };
  const response = await fetch(url, { method: "POST", headers, tls, body: JSON.stringify(pod) });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`pod ${number}: ${response.status} ${text.slice(0, 300)}`);
  }
  return text;
}

const padding = Number(bytes) - (await create(0, 0)).length;
let next = 1;
async function write(): Promise<void> {
  for (let number = next; number < Number(count); number = next) {
    next += 1;
    await create(number, padding);
  }
}
await Promise.all(Array.from({ length: writers }, write));
console.log(`filled ${count}`);
