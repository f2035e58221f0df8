import { createAssumeRole } from "../aws/assume-role.ts";
import { assumedCredentials } from "../aws/assumed-credentials.ts";
import { metadataEndpoint } from "../aws/metadata-endpoint.ts";
import { createMetadataService } from "../aws/metadata-service.ts";
import type { Sts, StsClientOptions } from "../aws/sts-client.ts";
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

/** Opens a client of STS, with the SDK's default chain of credentials where none are given. */
export type OpenSts = (credentials?: NonNullable<StsClientOptions["credentials"]>) => Sts;

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
  const ownSts = opened.use(openSts());
  const base = await roleBase(ownSts, deps);
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
  const podsSts = role === undefined ? ownSts : opened.use(openSts(credentialsOf(role, ownSts, deps)));
  const made = opened.move();
  return {
    kind: "account",
    ...{ roleBaseArn, ownSts, podsSts, assumedRole: role },
    [Symbol.dispose]: () => made.dispose(),
  };
}

/** Autodetection wins over a base that is given, as it does in the Go release. */
async function roleBase(ownSts: Sts, { flags, io, logger }: ServerAccountDeps): Promise<RoleBase> {
  const { clock, random, env, signal } = io;
  if (!flags.roleBaseArnAutodetect) {
    return { kind: "base", baseArn: flags.roleBaseArn ?? "" };
  }
  const endpoint = metadataEndpoint(env);
  const metadata = endpoint === undefined ? undefined : createMetadataService({ endpoint, clock });
  return findRoleBaseInTime({ metadata, sts: ownSts, clock, random, logger }, signal);
}

function credentialsOf(role: RoleArn, ownSts: Sts, { io, logger }: ServerAccountDeps) {
  const onWarn = (message: string) => logger.warn(message);
  return assumedCredentials({
    assumeRole: createAssumeRole({ sts: ownSts, sessionDurationSeconds: ownSessionSeconds, clock: io.clock, onWarn }),
    identity: { role, sessionName: sessionName(io.hostName) },
    clock: io.clock,
    onWarn,
  });
}
