import { expect, test } from "bun:test";
import { useManifests } from "../../../../src/cli/dev/use-manifests.ts";
import type { IpAddress } from "../../../../src/domain/ip-address.ts";
import { createNamespaceStore } from "../../../../src/server/workload/namespaces.ts";
import { createPodStore } from "../../../../src/server/workload/pods.ts";
import { decideByName } from "../../../fakes/policy.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

function used() {
  const pods = createPodStore();
  const namespaces = createNamespaceStore();
  const logger = createRecordingLogger();
  const printed: string[] = [];
  const ports = new Map<IpAddress, number>();
  let problems: readonly string[] = [];
  const use = useManifests({
    server: { pods, namespaces, decide: (pod) => decideByName(pod, namespaces.permitted(pod.namespace)) },
    listeners: {
      async reconcile(all) {
        ports.clear();
        for (const [index, { address }] of all.slice(problems.length).entries()) {
          ports.set(address, 3100 + index);
        }
        return problems;
      },
      portOf: (address) => ports.get(address),
    },
    sts: { kind: "aws", region: "us-east-1" },
    startedAtMs: 0,
    print: (text) => printed.push(text),
    logger,
  });
  return {
    ...{ pods, namespaces, printed, lines: logger.lines },
    use: (role: string, failing: readonly string[] = [], leftOut: readonly string[] = []) => {
      problems = failing;
      const annotations = { "iam.amazonaws.com/role": role };
      const permitting = { "iam.amazonaws.com/permitted": "reader" };
      return use({
        pods: [{ metadata: { name: "web", namespace: "shop", annotations } }],
        namespaces: [{ metadata: { name: "shop", annotations: permitting } }],
        leftOut,
      });
    },
  };
}

test("the server knows what the manifests say, and what can be done is printed", async () => {
  const { use, pods, namespaces, printed } = used();

  const problems = await use("reader");

  expect(problems).toEqual([]);
  expect([pods.size, namespaces.permitted("shop")]).toEqual([1, "reader"]);
  expect(printed.join()).toContain("Pod shop/web at http://127.0.0.1:3100, as arn:aws:iam::123456789012:role/reader");
});

test("the guide is printed again when it says something else, and only then", async () => {
  const { use, printed } = used();

  await use("reader");
  await use("reader");
  await use("writer");

  expect(printed.length).toBe(2);
  expect(printed[1]).toContain("denied (");
});

test("what is left out is said once for as long as it is", async () => {
  const { use, lines } = used();

  await use("reader", [], ["Service/db"]);
  await use("writer", [], ["Service/db", "Service/web"]);
  await use("reader", [], []);
  await use("writer", [], ["Service/db"]);

  expect(lines.map(({ message }) => message)).toEqual([
    "left out: Service/db is neither a Pod nor a Namespace",
    "left out: Service/web is neither a Pod nor a Namespace",
    "left out: Service/db is neither a Pod nor a Namespace",
  ]);
});

test("at the start a pod that can't be served is said, and nothing is printed", async () => {
  const { use, printed } = used();

  const problems = await use("reader", ["port 3100 is taken"]);

  expect([problems, printed]).toEqual([["port 3100 is taken"], []]);
});

test("later the guide leaves out what can't be served", async () => {
  const { use, printed } = used();

  await use("reader");
  await use("reader", ["port 3100 is taken"]);

  expect(printed[1]).toContain("There are no pods.");
});
