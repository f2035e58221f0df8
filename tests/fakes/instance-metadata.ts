interface MetadataRequest {
  readonly method: string;
  readonly path: string;
  /** The IMDSv2 token that it carries; empty where there is none. */
  readonly token: string;
}

export interface FakeInstanceMetadata extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly MetadataRequest[];
}

type Answer = (request: Request) => Response | Promise<Response>;

/**
 * The EC2 metadata service on a free port of the loopback: documents by path, read with one of its tokens (`token-1`,
 * `token-2`, …), or whatever the test answers.
 */
export function serveInstanceMetadata(documents: Readonly<Record<string, string>> | Answer): FakeInstanceMetadata {
  const requests: MetadataRequest[] = [];
  const answer = typeof documents === "function" ? documents : answerFrom(documents);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const token = request.headers.get("x-aws-ec2-metadata-token") ?? "";
      requests.push({ method: request.method, path: new URL(request.url).pathname, token });
      return answer(request);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function answerFrom(documents: Readonly<Record<string, string>>): Answer {
  const tokens = new Set<string>();
  return (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "PUT" && pathname === "/latest/api/token") {
      const token = `token-${tokens.size + 1}`;
      tokens.add(token);
      return new Response(token);
    }
    if (!tokens.has(request.headers.get("x-aws-ec2-metadata-token") ?? "")) {
      return new Response("", { status: 401 });
    }
    const text = documents[pathname];
    return text === undefined ? new Response("", { status: 404 }) : new Response(text);
  };
}
