import { decorateDefaultCredentialProvider, type STSClientConfig } from "@aws-sdk/client-sts";
import { fromEnv } from "@aws-sdk/credential-provider-env";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { neverAborted } from "../runtime/abort.ts";
import { answeredByKiam, type MetadataService } from "./metadata-service.ts";
import { OwnCredentialsError } from "./own-credentials-error.ts";

type Provider = Extract<NonNullable<STSClientConfig["credentials"]>, () => unknown>;
type OwnCredentials = Awaited<ReturnType<Provider>>;

export interface OwnCredentialsDeps {
  /** The client's whose credentials they are: a web identity is exchanged at the same endpoint, by the same way. */
  readonly config: STSClientConfig;
  /** Absent where it is not to be asked. */
  readonly metadata: MetadataService | undefined;
  /** Told what an operator has to mend, once until that changes. */
  readonly onError: (message: string) => void;
}

/**
 * The SDK's default chain, but for what kiam hands out: keys of the environment (which go before a profile, as in the Go SDK), shared files, web
 * identity, container, instance profile. Rejects with the chain's error, or with {@link OwnCredentialsError}.
 */
export function ownCredentials({ config, metadata, onError }: OwnCredentialsDeps): Provider {
  const { region, requestHandler } = config;
  const environment = fromEnv();
  const newChain = () =>
    decorateDefaultCredentialProvider(defaultProvider)({
      ...config,
      // Of the chain's other clients (single sign-on), whose endpoints are not STS's.
      clientConfig: { region, requestHandler },
      logger: silent,
    });
  let chain = newChain();
  let isTold = false;

  async function refuseKiam(): Promise<void> {
    const answer = await metadata?.get("/latest/meta-data/instance-id", neverAborted());
    if (answer?.kind !== "answered-by-kiam") {
      return;
    }
    chain = newChain(); // It keeps what it found until that expires, also when no agent answers any more.
    if (!isTold) {
      isTold = true;
      onError(answeredByKiam);
    }
    throw new OwnCredentialsError(Object.assign(new Error(answeredByKiam), { code: "AnsweredByKiam" }), answeredByKiam);
  }

  return async () => {
    const keys = await environment().catch(() => undefined);
    if (keys !== undefined) {
      return keys;
    }
    const credentials = await chain().catch(async (error: unknown) => {
      if (endedAtMetadata(error)) {
        await refuseKiam();
      }
      throw error;
    });
    if (mayBeOfMetadata(credentials)) {
      await refuseKiam();
    }
    isTold = false;
    return credentials;
  };
}

/** The SDK's providers write what happens to the console, errors whole. */
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Whether no link of the chain had any, the last of which is the metadata service. */
const endedAtMetadata = (error: unknown) => error instanceof Error && error.name === "CredentialsProviderError";

/** Every provider of the SDK leaves its name in `$source`, but that of the metadata service. */
function mayBeOfMetadata(credentials: OwnCredentials): boolean {
  const source = "$source" in credentials ? credentials.$source : undefined;
  return typeof source !== "object" || source === null || "CREDENTIALS_IMDS" in source;
}
