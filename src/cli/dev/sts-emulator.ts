import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../runtime/clock.ts";

export interface StsEmulator extends AsyncDisposable {
  readonly endpoint: string;
}

interface Session {
  readonly arn: string;
  readonly account: string;
  readonly id: string;
  readonly token: string;
}

/** What STS takes for a session. */
const durationForm = /^\d{3,5}$/;

/** An AssumeRole form of STS takes 20 KiB at most. */
const longestBody = 65_536;

const assumableRole = /^arn:[a-z0-9-]+:iam::(\d{12}):role\/(?:.*\/)?([\w+=,.@-]{1,64})$/;

/**
 * Listens on loopback and answers AssumeRole for every role, and GetCallerIdentity for the keys that it gave out: enough
 * for `kiam dev` and nothing else. The credentials open nothing at AWS. @param randomHex gives that many hexadecimal digits
 */
export async function startStsEmulator(clock: Clock, randomHex: (digits: number) => string): Promise<StsEmulator> {
  const sessions = new Map<string, Session>();

  function assumeRole(form: URLSearchParams): Answer {
    const [, account, name] = assumableRole.exec(form.get("RoleArn") ?? "") ?? [];
    const sessionName = form.get("RoleSessionName") ?? "";
    const duration = form.get("DurationSeconds") ?? "3600";
    if (account === undefined || name === undefined || sessionName === "" || !durationForm.test(duration)) {
      return failure(400, "ValidationError", "RoleArn, RoleSessionName and DurationSeconds must be well-formed");
    }
    const accessKeyId = `ASIADEV${randomHex(13).toUpperCase()}`;
    const id = `AROADEV${randomHex(14).toUpperCase()}:${sessionName}`;
    const arn = `${(form.get("RoleArn") ?? "").split(":iam:")[0]}:sts::${account}:assumed-role/${name}/${sessionName}`;
    const token = randomHex(80);
    sessions.set(accessKeyId, { arn, account, id, token });
    const expiration = new Date(clock.now() + Number(duration) * 1000).toISOString();
    return success(
      "AssumeRole",
      `<AssumedRoleUser><AssumedRoleId>${id}</AssumedRoleId><Arn>${arn}</Arn></AssumedRoleUser><Credentials>` +
        `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${randomHex(40)}</SecretAccessKey>` +
        `<SessionToken>${token}</SessionToken><Expiration>${expiration}</Expiration></Credentials>`,
    );
  }

  /** Signatures are not looked at: that a client computes them well is its maker's business. */
  function callerIdentity({ authorization, token }: Signed): Answer {
    const session = sessions.get(/Credential=([A-Z0-9]+)\//.exec(authorization)?.[1] ?? "");
    return session === undefined || session.token !== token
      ? failure(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
      : success(
          "GetCallerIdentity",
          `<Arn>${session.arn}</Arn><UserId>${session.id}</UserId><Account>${session.account}</Account>`,
        );
  }

  function answerTo(form: URLSearchParams, signed: Signed): Answer {
    switch (form.get("Action")) {
      case "AssumeRole":
        return assumeRole(form);
      case "GetCallerIdentity":
        return callerIdentity(signed);
      default:
        return failure(400, "InvalidAction", "kiam dev's STS knows AssumeRole and GetCallerIdentity");
    }
  }

  const server = createServer((request, response) => {
    const { authorization = "", "x-amz-security-token": token } = request.headers;
    bodyOf(request)
      .then((body) => answerTo(new URLSearchParams(body), { authorization, token: String(token) }))
      .then(({ status, xml }) => response.writeHead(status, { "content-type": "text/xml" }).end(xml))
      .catch(() => response.destroy()); // The client has hung up, or sent no end of text.
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** What a request says of who signed it. */
interface Signed {
  readonly authorization: string;
  readonly token: string;
}

interface Answer {
  readonly status: number;
  readonly xml: string;
}

const namespace = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
const metadata = "<ResponseMetadata><RequestId>kiam-dev</RequestId></ResponseMetadata>";

function success(action: string, content: string): Answer {
  const result = `<${action}Result>${content}</${action}Result>`;
  return { status: 200, xml: `<${action}Response ${namespace}>${result}${metadata}</${action}Response>` };
}

function failure(status: number, code: string, message: string): Answer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, xml: `<ErrorResponse ${namespace}>${error}<RequestId>kiam-dev</RequestId></ErrorResponse>` };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > longestBody) {
      throw new RangeError("the form is too long");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
