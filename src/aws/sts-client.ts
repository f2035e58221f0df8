import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient, type STSClientConfig } from "@aws-sdk/client-sts";
import type { Egress } from "../domain/egress.ts";
import { untilAborted } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";
import type { StsEndpoint } from "./endpoints.ts";
import { createFetchHandler } from "./fetch-handler.ts";
import type { MetadataService } from "./metadata-service.ts";
import { ownCredentials } from "./own-credentials.ts";
import { OwnCredentialsError } from "./own-credentials-error.ts";
import { brieflyRetried } from "./retries.ts";

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
  readonly egress: Egress;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  /** One try's time; 5 s where absent. */
  readonly requestTimeoutMs?: number;
  /** 3 where absent. */
  readonly maxAttempts?: number;
}

/** As the SDK takes them. */
export type GivenCredentials = NonNullable<STSClientConfig["credentials"]>;

/** Whose keys requests are signed with. */
export type CredentialSource =
  | { readonly kind: "given"; readonly credentials: GivenCredentials }
  /** See {@link ownCredentials}. */
  | {
      readonly kind: "own";
      readonly metadata: MetadataService | undefined;
      readonly onError: (message: string) => void;
    };

export function givenKeys(accessKeyId: string, secretAccessKey: string): CredentialSource {
  return { kind: "given", credentials: { accessKeyId, secretAccessKey } };
}

const maxAttempts = 3;

export function createStsClient(options: StsClientOptions): Sts {
  const { endpoint, egress, credentials, clock } = options;
  const tries = options.maxAttempts ?? maxAttempts;
  const config = {
    region: endpoint.signingRegion,
    endpoint: endpoint.url,
    // The endpoint is chosen already, and the SDK refuses one together with AWS_USE_FIPS_ENDPOINT.
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    retryStrategy: brieflyRetried(tries),
    // The SDK only names them, but looks for them in the environment and in files where it is not told.
    retryMode: "standard",
    maxAttempts: tries,
    requestHandler: createFetchHandler({
      egress,
      clock,
      ...(options.requestTimeoutMs !== undefined && { requestTimeoutMs: options.requestTimeoutMs }),
    }),
  } satisfies STSClientConfig;
  const chain = new STSClient({
    ...config,
    credentials: credentials.kind === "given" ? credentials.credentials : ownCredentials({ ...credentials, config }),
  });
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
