import type { LabPod } from "./pod.ts";
import type { HandedKey } from "./sts.ts";
import { tools } from "./tools.ts";

/** The programs of pods: each finds its credentials by itself, from 169.254.169.254 alone. */
export const sdks = ["boto3", "aws-cli", "javascript"] as const;
export type Sdk = (typeof sdks)[number];

/** What STS says of the pod, and the key it was asked with; the AWS CLI does not show its own. Or what the SDK complained of. */
export type CallerIdentity =
  | { readonly kind: "identity"; readonly arn: string; readonly key?: HandedKey }
  | { readonly kind: "failed"; readonly stderr: string };

/** Asks STS who the pod is. @param endpoint of STS, as the pod sees it @param env besides, which is else empty */
export async function callerIdentity(
  pod: LabPod,
  sdk: Sdk,
  endpoint: string,
  env: Readonly<Record<string, string>> = {},
): Promise<CallerIdentity> {
  const { exitCode, stdout, stderr } = await pod.run(programs[sdk](endpoint), { env });
  if (exitCode !== 0) {
    return { kind: "failed", stderr };
  }
  const { arn, Arn, accessKeyId, secretAccessKey, token } = JSON.parse(stdout);
  return accessKeyId === undefined
    ? { kind: "identity", arn: Arn }
    : { kind: "identity", arn, key: { accessKeyId, secretAccessKey, token } };
}

const podProgram = (name: string) => new URL(`../pods/${name}`, import.meta.url).pathname;

const programs: Readonly<Record<Sdk, (endpoint: string) => readonly string[]>> = {
  boto3: (endpoint) => [tools.python("python"), podProgram("boto3_identity.py"), endpoint],
  "aws-cli": (endpoint) => [
    ...[tools.python("aws"), "sts", "get-caller-identity"],
    ...["--endpoint-url", endpoint, "--region", "us-east-1", "--output", "json"],
  ],
  javascript: (endpoint) => [tools.node(), podProgram("javascript-identity.mjs"), endpoint],
};
