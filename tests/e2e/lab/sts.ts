import type { Netns } from "./netns.ts";
import type { LabProcess } from "./process.ts";
import { tools } from "./tools.ts";
import { waitFor } from "./wait.ts";

/** One AssumeRole call that moto answered. */
interface AssumedRole {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId: string | null;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
}

/** The three strings that a pod gets. */
export type HandedKey = Pick<AssumedRole, "accessKeyId" | "secretAccessKey" | "token">;

/** STS as moto emulates it: any role of any account can be assumed, each call gives a key of its own. */
export interface Sts extends AsyncDisposable {
  /** As seen from the lab's namespaces, pods included. */
  readonly endpoint: string;
  readonly process: LabProcess;
  /** Every AssumeRole call so far. */
  assumed(): Promise<readonly AssumedRole[]>;
  /**
   * The ARN that GetCallerIdentity names for a key: `arn:aws:sts::<account>:assumed-role/<name>/<session>`. Throws
   * where secret or token are not the ones that were issued with it (moto itself looks at the access key alone).
   */
  roleOf(key: HandedKey): Promise<string>;
  /** {@link roleOf} the key in an agent's answer. */
  roleOfAnswer(body: string): Promise<string>;
}

export const accountId = "123456789012";

/** @param address of `netns` */
export async function startSts(netns: Pick<Netns, "start" | "fetch">, address: string, port = 4566): Promise<Sts> {
  const endpoint = `http://${address}:${port}`;
  const moto = netns.start("moto", [tools.python("moto_server"), "-H", address, "-p", String(port)], {
    // Its own thread prints a line for each request; unbuffered, so that a failure shows the last ones.
    env: { PYTHONUNBUFFERED: "1" },
    disposeSignal: "SIGKILL",
  });
  await waitFor("moto to answer", async () => ((await netns.fetch(`${endpoint}/moto-api/`)).ok ? true : undefined));

  const assumed = async () => {
    const data: MotoData = JSON.parse(await (await netns.fetch(`${endpoint}/moto-api/data.json`)).text());
    return (data.sts?.AssumedRole ?? []).map((role) => ({
      roleArn: role.role_arn,
      sessionName: role.session_name,
      externalId: role.external_id,
      accessKeyId: role.access_key_id,
      secretAccessKey: role.secret_access_key,
      token: role.session_token,
    }));
  };

  const sts: Sts = {
    endpoint,
    process: moto,
    assumed,
    roleOfAnswer(body) {
      const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(body);
      return sts.roleOf({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, token: Token });
    },
    async roleOf({ accessKeyId, secretAccessKey, token }) {
      const issued = (await assumed()).find((role) => role.accessKeyId === accessKeyId);
      if (issued !== undefined && (issued.secretAccessKey !== secretAccessKey || issued.token !== token)) {
        throw new Error(`secret or token do not belong to ${accessKeyId}`);
      }
      const response = await netns.fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded", Authorization: authorization(accessKeyId) },
        body: "Action=GetCallerIdentity&Version=2011-06-15",
      });
      const text = await response.text();
      const arn = /<Arn>([^<]+)<\/Arn>/.exec(text)?.[1];
      if (arn === undefined) {
        throw new Error(`GetCallerIdentity: ${response.status} ${text}`);
      }
      return arn;
    },
    [Symbol.asyncDispose]: () => moto[Symbol.asyncDispose](),
  };
  return sts;
}

/** moto reads the key from the header and verifies no signature. */
const authorization = (accessKeyId: string) =>
  `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0`;

interface MotoData {
  readonly sts?: {
    readonly AssumedRole?: readonly {
      readonly role_arn: string;
      readonly session_name: string;
      readonly external_id: string | null;
      readonly access_key_id: string;
      readonly secret_access_key: string;
      readonly session_token: string;
    }[];
  };
}
