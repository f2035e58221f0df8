import { expect, test } from "bun:test";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { InstanceIdError, readInstanceIdFrom } from "../../../../src/agent/metadata/instance-id.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";

interface Reply {
  readonly status?: number;
  readonly body: string;
}

/** A metadata service that answers as the test says; `undefined` hangs. */
async function aService(reply: (request: IncomingMessage) => Reply | undefined) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const answer = reply(request);
    if (answer !== undefined) {
      response.writeHead(answer.status ?? 200).end(answer.body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("the id is read through a token", async () => {
  await using service = await aService(({ method, headers }) => {
    if (method === "PUT") {
      return { body: headers["x-aws-ec2-metadata-token-ttl-seconds"] === "60" ? "a-token" : "" };
    }
    return { body: headers["x-aws-ec2-metadata-token"] === "a-token" ? "i-0123456789abcdef0\n" : "<no token>" };
  });

  const id = await readInstanceIdFrom(`${service.endpoint}/`)(neverAborted());

  expect(id).toBe("i-0123456789abcdef0");
  expect(service.requests).toEqual(["PUT /latest/api/token", "GET /latest/meta-data/instance-id"]);
});

test.each([
  ["an error", { status: 403, body: "no" }, "status 403"],
  ["a page", { body: "<html>" }, "not an instance id"],
  ["something endless", { body: "x".repeat(5_000) }, "too long"],
])("%s is told as a reason", async (_, reply, reason) => {
  await using service = await aService(() => reply);

  const reading = readInstanceIdFrom(service.endpoint)(neverAborted());

  await expect(reading).rejects.toThrow(InstanceIdError);
  await expect(reading).rejects.toThrow(reason);
});

test("nobody listening is told as a reason", async () => {
  const service = await aService(() => undefined);
  await service[Symbol.asyncDispose]();

  const reading = readInstanceIdFrom(service.endpoint)(neverAborted());

  await expect(reading).rejects.toThrow(InstanceIdError);
});

test("a service that hangs is left with the signal, and its reason told", async () => {
  const asked = Promise.withResolvers<void>();
  await using service = await aService(() => {
    asked.resolve();
    return undefined;
  });
  const probe = new AbortController();

  const reading = readInstanceIdFrom(service.endpoint)(probe.signal);
  await asked.promise;
  probe.abort(new Error("no answer within 900 ms"));

  await expect(reading).rejects.toThrow("no answer within 900 ms");
});
