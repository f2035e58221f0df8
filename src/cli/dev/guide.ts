import type { Decision } from "../../domain/decision.ts";
import { explain } from "../../domain/denial.ts";
import { withoutLeadingSlash } from "../../domain/role-arn.ts";
import type { DevPod } from "./cluster.ts";

export interface GuideEntry {
  readonly pod: DevPod["pod"];
  readonly decision: Decision;
  readonly port: number;
}

/** Which STS the credentials are from, and where it is asked. */
export type GuideSts =
  | { readonly kind: "emulator"; readonly endpoint: string }
  /** The region is one of the partition that the credentials are of. */
  | { readonly kind: "aws"; readonly region: string };

/** What a developer can do now, line by line: what it prints can be pasted into a shell. */
export function guide(entries: readonly GuideEntry[], sts: GuideSts): string {
  const where = sts.kind === "emulator" ? "a built-in STS: they open nothing at AWS" : "AWS";
  const intro = `kiam dev: server and agent on this machine; credentials come from ${where}.`;
  const pods = entries.length === 0 ? ["There are no pods."] : entries.map((entry) => guideOf(entry, sts));
  return `${[intro, ...pods, "Ctrl-C ends it."].join("\n\n")}\n`;
}

function guideOf({ pod, decision, port }: GuideEntry, sts: GuideSts): string {
  const endpoint = `http://127.0.0.1:${port}`;
  const role = withoutLeadingSlash(pod.request?.role ?? "").toWellFormed();
  const curl = `  curl ${quoted(`${endpoint}/latest/meta-data/iam/security-credentials/${encodeURIComponent(role)}`)}`;
  const title = `Pod ${pod.namespace}/${pod.name} at ${endpoint}`;
  switch (decision.kind) {
    case "no-role":
      return `${title}, without a role:\n${curl}`;
    case "denied":
      return `${title}, denied (${explain(decision.denial)}):\n${curl}`;
    case "allowed": {
      const where =
        sts.kind === "emulator" ? `--region us-east-1 --endpoint-url ${sts.endpoint}` : `--region ${sts.region}`;
      const sdk = `  ${asPod(endpoint)} aws sts get-caller-identity ${where}`;
      return `${title}, as ${decision.identity.role}:\n${curl}\n${sdk}`;
    }
    default:
      return decision satisfies never;
  }
}

/** What SDKs look at before they ask the metadata service, out of their way: a developer has credentials of their own. */
function asPod(endpoint: string): string {
  const unset = ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_EC2_METADATA_DISABLED"].map((name) => `-u ${name}`).join(" ");
  const noFiles = "AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null";
  return `env ${unset} ${noFiles} AWS_EC2_METADATA_SERVICE_ENDPOINT=${endpoint}/`;
}

/** For a shell: annotations are other people's text. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
