import { afterEach, expect, test } from "bun:test";
import { createMetadataService } from "../../../src/aws/metadata-service.ts";
import { ownCredentials } from "../../../src/aws/own-credentials.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { serveInstanceMetadata } from "../../fakes/instance-metadata.ts";

/** The SDK's chain reads it by itself: nothing but the metadata service may be found there. */
const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

/** A metadata service that an agent of kiam answers for, or does not, and that hands out one key after another. */
function aMetadataService() {
  let isKiam = false;
  let handed = 0;
  const served = serveInstanceMetadata((request) => {
    const path = new URL(request.url).pathname.replace("/latest/meta-data/iam/security-credentials", "");
    const headers = isKiam ? { Server: "kiam" } : {};
    if (path === "/role") {
      handed += 1;
      const keys = { AccessKeyId: `ASIA${isKiam ? "KIAM" : "NODE"}${handed}`, SecretAccessKey: "s", Token: "t" };
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      return Response.json({ Code: "Success", ...keys, Expiration }, { headers });
    }
    return new Response(path === "/" ? "role" : "token-or-id", { headers });
  });
  for (const name of Object.keys(process.env).filter((each) => each.startsWith("AWS_"))) {
    delete process.env[name];
  }
  process.env["HOME"] = "/nonexistent";
  process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = served.url;
  return {
    url: served.url,
    /** An agent's redirect comes or goes. */
    intercept(to: boolean) {
      isKiam = to;
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
}

test("what an agent of kiam handed out is not taken later either, when no agent answers any more", async () => {
  await using service = aMetadataService();
  const errors: string[] = [];
  const metadata = createMetadataService({ endpoint: service.url, clock: systemClock });
  const credentials = ownCredentials({ config: {}, metadata, onError: (message) => errors.push(message) });

  service.intercept(true);
  const refused = await credentials().catch((error: unknown) => (error instanceof Error ? error.name : ""));
  service.intercept(false);
  const taken = await credentials();

  expect([refused, errors.length]).toEqual(["OwnCredentialsError", 1]);
  expect(taken.accessKeyId).toBe("ASIANODE2");
});
