import { expect, test } from "bun:test";
import { type GuideEntry, guide } from "../../../../src/cli/dev/guide.ts";
import { aPod } from "../../../fakes/pods.ts";
import { aRole } from "../../../fakes/roles.ts";

const arn = aRole("arn:aws:iam::123456789012:role/reader");

function entry(role: string, rest: Partial<GuideEntry> = {}): GuideEntry {
  const request = { source: "pod-annotation", role } as const;
  return {
    pod: aPod({ name: "web", namespace: "shop", ...(role === "" ? {} : { request }) }),
    decision: { kind: "allowed", identity: { role: arn, sessionName: "kiam-kiam" } },
    port: 3100,
    ...rest,
  };
}

const aws = { kind: "aws", region: "cn-north-1" } as const;

/** The commands, as a shell would get them. */
function commandsOf(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => (line.startsWith("  ") ? [line.slice(2)] : []));
}

test("an allowed pod gets a line for curl and one for an SDK", () => {
  const text = guide([entry("reader")], { kind: "emulator", endpoint: "http://127.0.0.1:4000" });

  expect(text).toContain("Pod shop/web at http://127.0.0.1:3100, as arn:aws:iam::123456789012:role/reader:\n");
  expect(commandsOf(text)).toEqual([
    "curl http://127.0.0.1:3100/latest/meta-data/iam/security-credentials/reader",
    "env -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_EC2_METADATA_DISABLED AWS_CONFIG_FILE=/dev/null " +
      "AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:3100/ " +
      "aws sts get-caller-identity --region us-east-1 --endpoint-url http://127.0.0.1:4000",
  ]);
});

test("where STS is AWS's own, no endpoint is named and nothing is said to be built in", () => {
  const text = guide([entry("reader")], aws);

  expect(text).toContain("credentials come from AWS.");
  expect(text).toMatch(/ aws sts get-caller-identity --region cn-north-1$/m);
});

test("a denied pod is told why, and gets no line for an SDK", () => {
  const decision = { kind: "denied", denial: { kind: "namespace-forbids", pattern: "", role: arn } } as const;

  const text = guide([entry("reader", { decision })], aws);

  expect(text).toContain(
    "denied (namespace policy expression '(empty)' forbids role 'arn:aws:iam::123456789012:role/reader'):",
  );
  expect(commandsOf(text)).toEqual(["curl http://127.0.0.1:3100/latest/meta-data/iam/security-credentials/reader"]);
});

test("a pod without a role is there too", () => {
  const text = guide([entry("", { decision: { kind: "no-role" } })], aws);

  expect(text).toContain("Pod shop/web at http://127.0.0.1:3100, without a role:");
  expect(commandsOf(text)).toEqual(["curl http://127.0.0.1:3100/latest/meta-data/iam/security-credentials/"]);
});

test("no pods are said to be none", () => {
  const text = guide([], aws);

  expect(text).toContain("There are no pods.");
});

test.each([
  ["/team/reader", "team%2Freader"],
  ["arn:aws:iam::123456789012:role/reader", "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader"],
  ["'; rm -rf ~; '", "%3B%20rm%20-rf%20~%3B%20"],
  ["$(id)`id`", "%24(id)%60id%60"],
  ["half a \ud83d", "half%20a%20%EF%BF%BD"],
])("a shell takes the line for the role %j as two words, the second with the role in it", async (role, encoded) => {
  const [curl = ""] = commandsOf(guide([entry(role)], aws));

  const { stdout } = Bun.spawnSync(["sh", "-c", `curl() { printf '%s\\n' "$@"; }; ${curl}`]);

  const [url = "", ...more] = stdout.toString().trimEnd().split("\n");
  expect(url).toStartWith("http://127.0.0.1:3100/latest/meta-data/iam/security-credentials/");
  expect(url.replaceAll("'", "")).toEndWith(`/${encoded}`);
  expect(more).toEqual([]);
});
