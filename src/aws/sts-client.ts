import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient, type STSClientConfig } from "@aws-sdk/client-sts";
import { untilAborted } from "../runtime/abort.ts";
import type { StsEndpoint } from "./endpoints.ts";

export interface AssumeRoleRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId: string | undefined;
  readonly durationSeconds: number;
}

/** As it came: any part may be missing. */
export interface AssumedRole {
  readonly accessKeyId: string | undefined;
  readonly secretAccessKey: string | undefined;
  readonly sessionToken: string | undefined;
  readonly expiration: Date | undefined;
}

/** STS, retries included. What it throws is for `issueFailureOf` to read, or the signal's reason. */
export interface Sts extends Disposable {
  assumeRole(request: AssumeRoleRequest, signal: AbortSignal): Promise<AssumedRole>;
  /** Who the server is to AWS. */
  callerArn(signal: AbortSignal): Promise<string>;
}

export interface StsClientOptions {
  readonly endpoint: StsEndpoint;
  /** The server's own credentials: the SDK's default chain (environment, IRSA, instance profile) where absent. */
  readonly credentials?: NonNullable<STSClientConfig["credentials"]>;
  /** One try's time; 5 s where absent. */
  readonly requestTimeoutMs?: number;
  /** 3 where absent. */
  readonly maxAttempts?: number;
}

/** The server's own credentials could not be had, which says nothing of any role. */
export class OwnCredentialsError extends Error {
  override readonly name = "OwnCredentialsError";

  constructor(cause: unknown, message = "the server has no AWS credentials of its own") {
    super(message, { cause });
  }
}

const connectionTimeoutMs = 2_000;
const requestTimeoutMs = 5_000;
const maxAttempts = 3;

export function createStsClient(options: StsClientOptions): Sts {
  const config = {
    region: options.endpoint.signingRegion,
    endpoint: options.endpoint.url,
    // The endpoint is chosen already, and the SDK refuses one together with AWS_USE_FIPS_ENDPOINT.
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    retryMode: "standard",
    maxAttempts: options.maxAttempts ?? maxAttempts,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: options.requestTimeoutMs ?? requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  } satisfies STSClientConfig;
  const chain = new STSClient({ ...config, ...(options.credentials && { credentials: options.credentials }) });
  // The chain may call STS itself, whose AccessDenied must not be taken for one of the role's.
  const client = new STSClient({
    ...config,
    credentials: () =>
      chain.config.credentials().catch((error: unknown) => {
        throw error instanceof OwnCredentialsError ? error : new OwnCredentialsError(error);
      }),
  });

  return {
    async assumeRole(request, signal) {
      const command = new AssumeRoleCommand({
        RoleArn: request.roleArn,
        RoleSessionName: request.sessionName,
        DurationSeconds: request.durationSeconds,
        ExternalId: request.externalId,
      });
      const { Credentials: issued } = await untilAborted(client.send(command, { abortSignal: signal }), signal);
      return {
        accessKeyId: issued?.AccessKeyId,
        secretAccessKey: issued?.SecretAccessKey,
        sessionToken: issued?.SessionToken,
        expiration: issued?.Expiration,
      };
    },
    async callerArn(signal) {
      const command = new GetCallerIdentityCommand();
      const { Arn } = await untilAborted(client.send(command, { abortSignal: signal }), signal);
      return Arn ?? "";
    },
    [Symbol.dispose]() {
      client.destroy();
      chain.destroy();
    },
  };
}
