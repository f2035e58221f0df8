import { createAssumeRole } from "../aws/assume-role.ts";
import { assumedCredentials } from "../aws/assumed-credentials.ts";
import { metadataEndpoint } from "../aws/metadata-endpoint.ts";
import { createMetadataService, type MetadataService } from "../aws/metadata-service.ts";
import type { CredentialSource, Sts } from "../aws/sts-client.ts";
import { type RoleArn, resolveRole } from "../domain/role-arn.ts";
import { sessionName } from "../domain/session-name.ts";
import type { Logger } from "../runtime/logger.ts";
import { findRoleBaseInTime, type RoleBase } from "./find-role-base.ts";
import type { CommandIo } from "./io.ts";
import type { ServerFlags } from "./server-flags.ts";

/** Who a server is to AWS, and in which account its pods' roles are. */
export interface ServerAccount extends Disposable {
  readonly kind: "account";
  /** Behind which names of roles are put. */
  readonly roleBaseArn: string;
  /** By the credentials that the server has to begin with: asked who it is. */
  readonly ownSts: Sts;
  /** By the credentials that pods' roles are assumed with. */
  readonly podsSts: Sts;
  /** `--assume-role-arn`, resolved. */
  readonly assumedRole: RoleArn | undefined;
}

export type OpenSts = (credentials: CredentialSource) => Sts;

export type ServerAccountResult =
  | ServerAccount
  | { readonly kind: "problem"; readonly problem: string; readonly exitCode: 1 | 2 };

export interface ServerAccountDeps {
  readonly flags: Pick<ServerFlags, "roleBaseArn" | "roleBaseArnAutodetect" | "assumeRoleArn" | "sessionDurationMs">;
  readonly openSts: OpenSts;
  readonly io: Pick<CommandIo, "clock" | "random" | "env" | "hostName" | "signal">;
  readonly logger: Logger;
}

/** What every role allows, and the most that role chaining does. */
const ownSessionSeconds = 3_600;

/** Finds out the account where the flags ask for that. Rejects only when the signal is aborted. */
export async function openServerAccount(deps: ServerAccountDeps): Promise<ServerAccountResult> {
  const { flags, openSts, logger } = deps;
  using opened = new DisposableStack();
  const metadata = metadataOf(deps);
  const ownSts = opened.use(openSts({ kind: "own", metadata, onError: (message) => logger.error(message) }));
  const base = await roleBase(ownSts, metadata, deps);
  if (base.kind === "problem") {
    return { ...base, exitCode: 1 };
  }
  const { baseArn: roleBaseArn } = base;
  const role = flags.assumeRoleArn === undefined ? undefined : resolveRole(flags.assumeRoleArn, roleBaseArn);
  if (flags.assumeRoleArn !== undefined && role === undefined) {
    return {
      kind: "problem",
      problem: `--assume-role-arn '${flags.assumeRoleArn}' is not a role below ${roleBaseArn}`,
      exitCode: 2,
    };
  }
  if (role !== undefined && flags.sessionDurationMs > ownSessionSeconds * 1000) {
    logger.warn(
      "--session-duration is more than 1h, which STS refuses to a role that was itself assumed (--assume-role-arn): sessions will last 1h",
    );
  }
  const podsSts = role === undefined ? ownSts : opened.use(openSts(assumedBy(ownSts, role, deps)));
  const made = opened.move();
  return {
    kind: "account",
    ...{ roleBaseArn, ownSts, podsSts, assumedRole: role },
    [Symbol.dispose]: () => made.dispose(),
  };
}

function metadataOf({ io: { env, clock } }: ServerAccountDeps): MetadataService | undefined {
  const endpoint = metadataEndpoint(env);
  return endpoint === undefined ? undefined : createMetadataService({ endpoint, clock });
}

/** Autodetection wins over a base that is given, as it does in the Go release. */
async function roleBase(
  ownSts: Sts,
  metadata: MetadataService | undefined,
  { flags, io, logger }: ServerAccountDeps,
): Promise<RoleBase> {
  const { clock, random, signal } = io;
  if (!flags.roleBaseArnAutodetect) {
    return { kind: "base", baseArn: flags.roleBaseArn ?? "" };
  }
  return findRoleBaseInTime({ metadata, sts: ownSts, clock, random, logger }, signal);
}

function assumedBy(ownSts: Sts, role: RoleArn, { io, logger }: ServerAccountDeps): CredentialSource {
  const onWarn = (message: string) => logger.warn(message);
  const credentials = assumedCredentials({
    assumeRole: createAssumeRole({ sts: ownSts, sessionDurationSeconds: ownSessionSeconds, clock: io.clock, onWarn }),
    identity: { role, sessionName: sessionName(io.hostName) },
    clock: io.clock,
    onWarn,
  });
  return { kind: "given", credentials };
}
