/** The node's own credentials in the lab. Nothing of them may ever reach a pod. */
export const canary = {
  roleName: "canary-node-role",
  accessKeyId: "AKIACANARYNODEKEY000",
  secretAccessKey: "canary-node-secret",
  token: "canary-node-token",
} as const;

/** The canary was in what a pod got. */
export class CanaryLeak extends Error {
  override readonly name = "CanaryLeak";
}

/** @throws {CanaryLeak} */
export function refuseCanary(pod: string, answer: string): void {
  if (/AKIACANARY|canary-node/i.test(answer)) {
    throw new CanaryLeak(`pod ${pod} got the node's own credentials: ${answer}`);
  }
}
