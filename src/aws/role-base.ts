import type { Clock } from "../runtime/clock.ts";
import { issueFailureOf } from "./issue-failure.ts";
import { answeredByKiam, type MetadataAnswer, type MetadataService } from "./metadata-service.ts";
import type { Sts } from "./sts-client.ts";

/** The account and partition that this process is in, as what a role's name is put behind. */
export type FoundRoleBase =
  | { readonly kind: "found"; readonly baseArn: string; readonly source: "the metadata service" | "STS" }
  /** In one line, both sources' reasons. */
  | { readonly kind: "failed"; readonly problem: string };

export interface RoleBaseSources {
  /** Absent where it is not to be asked. */
  readonly metadata: MetadataService | undefined;
  readonly sts: Pick<Sts, "callerArn">;
  readonly clock: Pick<Clock, "sleep">;
  /** Told what an operator should mend, though it may have worked without. */
  readonly onWarn: (message: string) => void;
}

/** One lost packet must not make a replica take its base from elsewhere than the others do. */
const metadataTries = 3;
const betweenTriesMs = 200;

/**
 * Derives `arn:<partition>:iam::<account>:role/` from the instance profile, as the Go release does, and where the metadata service does
 * not tell, from who STS says that this is. Rejects only when the signal is aborted.
 */
export async function findRoleBase(sources: RoleBaseSources, signal: AbortSignal): Promise<FoundRoleBase> {
  const told = await fromMetadata(sources, signal);
  if (told.kind === "found") {
    return told;
  }
  const said = await fromSts(sources, signal);
  return said.kind === "found" ? said : { kind: "failed", problem: `${told.problem}; ${said.problem}` };
}

async function fromMetadata({ metadata, clock, onWarn }: RoleBaseSources, signal: AbortSignal): Promise<FoundRoleBase> {
  if (metadata === undefined) {
    return { kind: "failed", problem: "AWS_EC2_METADATA_DISABLED is set" };
  }
  let answer = await metadata.get("/latest/meta-data/iam/info", signal);
  for (let tries = 1; tries < metadataTries && answer.kind === "failed"; tries += 1) {
    await clock.sleep(betweenTriesMs, signal);
    answer = await metadata.get("/latest/meta-data/iam/info", signal);
  }
  if (answer.kind === "answered-by-kiam") {
    onWarn(answeredByKiam);
  }
  return fromAnswer(answer);
}

function fromAnswer(answer: MetadataAnswer): FoundRoleBase {
  switch (answer.kind) {
    case "found": {
      const baseArn = roleBaseOf(instanceProfileArn(answer.text));
      return baseArn === undefined
        ? { kind: "failed", problem: "the metadata service names no instance profile" }
        : { kind: "found", baseArn, source: "the metadata service" };
    }
    case "not-found":
      return { kind: "failed", problem: "this instance has no instance profile" };
    case "answered-by-kiam":
      return { kind: "failed", problem: "the metadata service is hidden by an agent of kiam" };
    case "failed":
      return answer;
    default:
      return answer satisfies never;
  }
}

function instanceProfileArn(info: string): string {
  try {
    const document: unknown = JSON.parse(info);
    return typeof document === "object" &&
      document !== null &&
      "InstanceProfileArn" in document &&
      typeof document.InstanceProfileArn === "string"
      ? document.InstanceProfileArn
      : "";
  } catch {
    return "";
  }
}

async function fromSts({ sts }: RoleBaseSources, signal: AbortSignal): Promise<FoundRoleBase> {
  try {
    const arn = await sts.callerArn(signal);
    const baseArn = roleBaseOf(arn);
    return baseArn === undefined
      ? { kind: "failed", problem: `STS says that this is '${arn}', which is in no account` }
      : { kind: "found", baseArn, source: "STS" };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = issueFailureOf(error, undefined);
    return { kind: "failed", problem: `STS does not say who this is (${code}: ${message})` };
  }
}

/** What roles' names are put behind in the account of an ARN of IAM or STS: an instance profile's, a caller's. */
export function roleBaseOf(arn: string): string | undefined {
  const [, partition, account] = /^arn:([a-z][a-z0-9-]{0,31}):(?:sts|iam)::(\d{12}):/.exec(arn) ?? [];
  return account === undefined ? undefined : `arn:${partition}:iam::${account}:role/`;
}
