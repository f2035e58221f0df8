import { expect, test } from "bun:test";
import { unknownRegion } from "../../../src/aws/known-region.ts";
import { directly } from "../../../src/domain/egress.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";

const endpoint = { url: "https://sts.eu-wset-1.amazonaws.com", signingRegion: "eu-wset-1" };

const failingWith = (code: string) => async () => {
  throw Object.assign(new Error(`getaddrinfo ${code}`), { code });
};

test("a region whose host has an address is known", async () => {
  const asked: string[] = [];
  const lookUp = async (host: string) => asked.push(host);

  expect(await unknownRegion(endpoint, directly, lookUp, neverAborted())).toBeUndefined();
  expect(asked).toEqual(["sts.eu-wset-1.amazonaws.com"]);
});

test("a region whose host does not exist is named", async () => {
  const problem = await unknownRegion(endpoint, directly, failingWith("ENOTFOUND"), neverAborted());

  expect(problem).toBe("region 'eu-wset-1' is unknown: sts.eu-wset-1.amazonaws.com does not exist");
});

test("a resolver that is down says nothing of the region", async () => {
  expect(await unknownRegion(endpoint, directly, failingWith("EAI_AGAIN"), neverAborted())).toBeUndefined();
});

test("giving up is not an answer", async () => {
  const aborted = AbortSignal.abort(new Error("stopping"));

  await expect(unknownRegion(endpoint, directly, failingWith("ENOTFOUND"), aborted)).rejects.toThrow("stopping");
});

test("a host that a proxy reaches is not looked up: its name need not be known here", async () => {
  const egress = { proxyFor: () => "http://proxy:3128" };

  expect(await unknownRegion(endpoint, egress, failingWith("ENOTFOUND"), neverAborted())).toBeUndefined();
});
