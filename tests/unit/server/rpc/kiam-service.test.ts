import { describe, expect, test } from "bun:test";
import { Code } from "@connectrpc/connect";
import { failureOf, setUp, type TestClients } from "./set-up.ts";

const said = async (call: Promise<unknown>) => {
  const { code, rawMessage } = await failureOf(call);
  return `${Code[code]}: ${rawMessage}`;
};

/** Passes the time that is given an address to turn up. */
async function giveUp({ clock }: ReturnType<typeof setUp>): Promise<void> {
  await clock.waiting(800);
  await clock.advance(800);
}

const roleAt = ({ kiam }: TestClients, ip: string) => kiam.getPodRole({ ip });
const credentialsAt = ({ kiam }: TestClients, ip: string, role: string) => kiam.getPodCredentials({ ip, role });

describe("a Go agent, which proves nothing, where proof is preferred", () => {
  test("is told the role as annotated, also where it is denied, and none where there is none", async () => {
    const server = setUp();
    server.put({ uid: "a", role: "team/reader" });
    server.put({ uid: "b", role: "/admin", addresses: ["10.0.0.2"], nodeName: "node-b" });
    server.put({ uid: "c", addresses: ["10.0.0.3"] });
    const agent = server.as();

    const roles = [await roleAt(agent, "10.0.0.1"), await roleAt(agent, "10.0.0.2"), await roleAt(agent, "10.0.0.3")];

    expect(roles.map(({ name }) => name)).toEqual(["team/reader", "/admin", ""]);
  });

  test("gets credentials field for field as the metadata service writes them", async () => {
    const server = setUp();
    server.put({ uid: "a", role: "reader" });

    const call = credentialsAt(server.as(), "10.0.0.1", "reader");
    await server.answerSts();

    const { $typeName, accessKeyId, ...fields } = await call;
    expect(accessKeyId).toStartWith("ASIA-");
    expect(fields).toEqual({
      code: "Success",
      type: "AWS-HMAC",
      secretAccessKey: "secret-0",
      token: "token-0",
      expiration: "2026-01-01T01:00:00Z",
      lastUpdated: "2026-01-01T00:00:00Z",
    });
  });

  test("may ask by every name of the role, and by no other", async () => {
    const server = setUp();
    server.sts.onCall((call) => call.issue());
    server.put({ uid: "a", role: "team/reader" });
    const agent = server.as();

    for (const role of ["team/reader", "/team/reader", "arn:aws:iam::123456789012:role/team/reader"]) {
      expect((await credentialsAt(agent, "10.0.0.1", role)).code).toBe("Success");
    }
    for (const role of ["reader", "", "writer", "arn:aws:iam::210987654321:role/team/reader", "TEAM/READER"]) {
      expect(await said(credentialsAt(agent, "10.0.0.1", role))).toBe("Unknown: forbidden by policy");
    }
  });

  test("knows errors by the Go release's texts", async () => {
    const server = setUp();
    server.put({ uid: "denied", role: "admin" });
    server.put({ uid: "plain", addresses: ["10.0.0.2"] });
    server.put({ uid: "twin", addresses: ["10.0.0.3"] });
    server.put({ uid: "other twin", addresses: ["10.0.0.3"] });
    const agent = server.as();
    const nobody = [said(roleAt(agent, "10.0.0.9")), said(credentialsAt(agent, "10.0.0.9", "reader"))];
    const doubt = said(roleAt(agent, "10.0.0.3"));
    await giveUp(server);

    expect(await said(credentialsAt(agent, "10.0.0.1", "admin"))).toBe("Unknown: forbidden by policy");
    expect(await said(credentialsAt(agent, "10.0.0.2", "reader"))).toBe("Unknown: forbidden by policy");
    expect(await Promise.all(nobody)).toEqual(["Unknown: no pod found", "Unknown: no pod found"]);
    expect(await doubt).toBe("Unknown: multiple running pods found");
    expect(await said(roleAt(agent, "not an address"))).toBe("InvalidArgument: ip is malformed");
    expect(server.sts.calls).toEqual([]);
  });

  test("is told why STS gave nothing", async () => {
    const server = setUp();
    server.sts.onCall((call) => call.fail("refused", "AccessDenied"));
    server.put({ uid: "a", role: "reader" });

    expect(await said(credentialsAt(server.as(), "10.0.0.1", "reader"))).toBe(
      "Unknown: AccessDenied: AccessDenied, said STS",
    );
  });

  test("gets nothing for a pod that is narrowed out while STS thinks", async () => {
    const server = setUp();
    server.put({ uid: "a", role: "reader" });
    const call = said(credentialsAt(server.as(), "10.0.0.1", "reader"));
    await server.answerSts(() => server.permit("writer"));

    expect(await call).toBe("Unknown: forbidden by policy");
  });
});

describe("proof of the node", () => {
  test("a proven agent gets its node's pods here too, and is told of others as of nobody", async () => {
    const server = setUp();
    server.sts.onCall((call) => call.issue());
    server.put({ uid: "own", role: "reader" });
    server.put({ uid: "far", role: "writer", nodeName: "node-b", addresses: ["10.0.1.1"] });
    const agent = server.as({ certifiedFor: "node-a" });

    const own = await credentialsAt(agent, "10.0.0.1", "reader");
    const far = [said(credentialsAt(agent, "10.0.1.1", "writer")), said(roleAt(agent, "10.0.1.1"))];
    await giveUp(server);

    expect(own.code).toBe("Success");
    expect(await Promise.all(far)).toEqual(["Unknown: no pod found", "Unknown: no pod found"]);
    expect(server.sts.calls.length).toBe(1);
    expect(await server.counted("kiam_agent_calls_total")).toEqual({ certificate: 3 });
  });

  test("an unproven agent is refused where proof is required, and learns nothing", async () => {
    const server = setUp({ mode: "required" });
    server.put({ uid: "a", role: "reader" });
    const agent = server.as();

    for (const call of [roleAt(agent, "10.0.0.1"), credentialsAt(agent, "10.0.0.1", "reader")]) {
      expect(await said(call)).toBe("Unauthenticated: the agent shows neither a token nor a node's certificate");
    }
  });

  test("health is anybody's whom TLS let in", async () => {
    const server = setUp({ mode: "required" });

    const { message } = await server.as().kiam.getHealth({});

    expect(message).toBe("ok");
    expect(await server.counted("kiam_agent_calls_total")).toEqual({});
  });
});

test("each credential that a pod is first handed is written down once, without its secrets", async () => {
  const server = setUp();
  server.sts.onCall((call) => call.issue());
  server.put({ uid: "a", role: "reader" });
  const agent = server.as({ certifiedFor: "node-a" });

  const { accessKeyId } = await credentialsAt(agent, "10.0.0.1", "reader");
  await credentialsAt(agent, "10.0.0.1", "/reader");

  expect(server.logger.lines.filter(({ message }) => message.endsWith("to pod"))).toEqual([
    {
      level: "info",
      message: "handed credentials to pod",
      fields: {
        "pod.name": "reader-1",
        "pod.namespace": "default",
        "pod.status.ip": "10.0.0.1",
        "pod.status.phase": "Running",
        "pod.iam.role": "reader",
        "resource.version": "1001",
        "generation.metadata": 1,
        "credentials.access.key": accessKeyId,
        "credentials.expiration": "2026-01-01T01:00:00Z",
      },
    },
  ]);
});

test("each pod that is denied is written down once, whatever it asks for, and counted each time", async () => {
  const server = setUp();
  server.put({ uid: "a", role: "reader" });
  const agent = server.as({ certifiedFor: "node-a" });

  for (const role of ["admin", "writer", "root"]) {
    await said(credentialsAt(agent, "10.0.0.1", role));
  }

  expect(server.logger.lines).toEqual([
    {
      level: "error",
      message: "pod denied by policy",
      fields: {
        "pod.name": "reader-1",
        "pod.namespace": "default",
        "pod.status.ip": "10.0.0.1",
        "pod.status.phase": "Running",
        "pod.iam.role": "reader",
        "resource.version": "1001",
        "generation.metadata": 1,
        "pod.iam.requestedRole": "admin",
        "policy.explanation": "requested 'admin' but annotated with 'reader', forbidden",
      },
    },
  ]);
  expect(await server.counted("kiam_policy_denials_total")).toEqual({ "role-mismatch": 3 });
});
