import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metadataProfile, readSharedFiles } from "../../../../src/cli/dev/shared-profiles.ts";

const asking = "credential_source = Ec2InstanceMetadata";

test.each([
  ["itself", `[default]\nrole_arn = x\n${asking}`],
  ["with a container's credentials", "[default]\ncredential_source=EcsContainer"],
  ["in Windows' line ends and with a comment", `[default]\r\n${asking} ; as on the build machine\r\n`],
])("a profile that asks a metadata service %s is found", (_, text) => {
  const profile = metadataProfile([text], "default");

  expect(profile).toBe("default");
});

test.each([
  ["of the same file", [`[profile a]\nsource_profile = b\n[profile b]\n${asking}`]],
  ["of the other file", [`[profile a]\nsource_profile = b`, `[b]\n${asking}`]],
  ["with a quoted name", [`[profile "a"]\nsource_profile = b\n[profile 'b']\n${asking}`]],
  ["in two steps", [`[profile a]\nsource_profile = c\n[profile c]\nsource_profile = b\n[profile b]\n${asking}`]],
])("so is one %s that it builds on", (_, texts) => {
  const profile = metadataProfile(texts, "a");

  expect(profile).toBe("b");
});

test.each([
  ["keys", "[default]\naws_access_key_id = A\naws_secret_access_key = s"],
  ["the environment", "[default]\nrole_arn = x\ncredential_source = Environment # as in CI"],
  ["another profile's keys", "[default]\nsource_profile = b\n[profile b]\naws_access_key_id = A"],
  ["a metadata service only in a comment", `[default]\n# ${asking}\n; ${asking}`],
  ["a profile that asks one, which is not used", `[default]\naws_access_key_id = A\n[profile other]\n${asking}`],
  ["itself, round and round", "[default]\nsource_profile = b\n[profile b]\nsource_profile = default"],
  ["nothing", ""],
])("a profile that takes its credentials from %s asks none", (_, text) => {
  const profile = metadataProfile([text], "default");

  expect(profile).toBeUndefined();
});

const home = mkdtempSync(join(tmpdir(), "kiam-home-"));
mkdirSync(join(home, ".aws"));
writeFileSync(join(home, ".aws/config"), "home's config");
writeFileSync(join(home, ".aws/credentials"), "home's credentials");
writeFileSync(join(home, "elsewhere"), "another");
afterAll(() => rmSync(home, { recursive: true }));

test.each([
  ["in the home directory", {}, ["home's config", "home's credentials"]],
  ["where the environment says", { AWS_CONFIG_FILE: join(home, "elsewhere") }, ["another", "home's credentials"]],
  ["there below the home directory too", { AWS_SHARED_CREDENTIALS_FILE: "~/elsewhere" }, ["home's config", "another"]],
  ["and are empty where there are none", { AWS_CONFIG_FILE: "/dev/null/nothing" }, ["", "home's credentials"]],
])("the files are read %s", async (_, env, texts) => {
  const read = await readSharedFiles({ HOME: home, ...env });

  expect(read).toEqual(texts);
});
