import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { RoleIdentity } from "../../../src/domain/role-identity.ts";
import type { Clock } from "../../../src/runtime/clock.ts";
import { errorXml } from "../sts.ts";
import type { Fault } from "./fault.ts";

/** One HTTP request, retries of the SDK being requests of their own. */
export interface StsRequest {
  readonly form: URLSearchParams;
  /** `role session external-id`: whose credentials it asks for. */
  readonly asker: string;
  /** How many there were of this asker before. */
  readonly serial: number;
  /** By whoever signed it, milliseconds since the Unix epoch. */
  readonly signedAtMs: number;
}

/** What STS gave. */
export interface Issued {
  readonly asker: string;
  readonly expiresAtMs: number;
}

/** Stands before a server of STS and does to requests what a test says. */
export interface StsFaultProxy extends AsyncDisposable {
  readonly url: string;
  /** What becomes of each request from now on; all pass at first. */
  decide: (request: StsRequest) => Fault;
  /** In order. */
  readonly requests: readonly StsRequest[];
  /** By access key: all that STS issued and that left the proxy whole. */
  readonly issued: ReadonlyMap<string, Issued>;
  /** Whose requests are held back now, by a delay or for ever. */
  readonly heldBack: readonly string[];
}

export interface StsFaultProxyOptions {
  /** Of the server of STS. */
  readonly target: string;
  /** By which delays pass, and by which credentials expire: STS's own clock is the machine's. */
  readonly clock: Clock;
  /** The part of what is asked for that credentials live, in (0, 1]; all of it where absent. */
  readonly lifetimePart?: number;
  /** Where it listens; a free port of the loopback where absent. */
  readonly listen?: { readonly host: string; readonly port: number };
}

export async function createStsFaultProxy({
  target,
  clock,
  lifetimePart = 1,
  listen = { host: "127.0.0.1", port: 0 },
}: StsFaultProxyOptions): Promise<StsFaultProxy> {
  const requests: StsRequest[] = [];
  const issued = new Map<string, Issued>();
  const heldBack = new Map<IncomingMessage, string>();
  const counts = new Map<string, number>();

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch(() => response.destroy());
  });
  server.listen(listen);
  await new Promise((resolve) => server.once("listening", resolve));

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(incoming);
    const request = requestOf(new URLSearchParams(body), incoming);
    requests.push(request);
    counts.set(request.asker, request.serial + 1);
    const fault = proxy.decide(request);
    if (fault.kind === "delay" || fault.kind === "hang") {
      heldBack.set(incoming, request.asker);
      response.once("close", () => heldBack.delete(incoming));
    }
    if (fault.kind === "delay") {
      await clock.sleep(fault.ms, new AbortController().signal);
      heldBack.delete(incoming);
    }
    await act(fault, { request, incoming, body, response });
  }

  function requestOf(form: URLSearchParams, { headers }: IncomingMessage): StsRequest {
    const asker = askerOf(form);
    return { form, asker, serial: counts.get(asker) ?? 0, signedAtMs: signedAtMs(String(headers["x-amz-date"])) };
  }

  interface Exchange {
    readonly request: StsRequest;
    readonly incoming: IncomingMessage;
    readonly body: string;
    readonly response: ServerResponse;
  }

  async function act(fault: Fault, exchange: Exchange): Promise<void> {
    const { response } = exchange;
    switch (fault.kind) {
      case "pass":
      case "delay":
        return send(response, ...(await asked(exchange)));
      case "lifetime":
        return send(response, ...(await asked(exchange, fault.ms)));
      case "truncated": {
        const [status, whole] = await asked(exchange);
        issued.delete(keyIn(whole));
        response.writeHead(status, { "content-type": "text/xml", "content-length": whole.length });
        response.write(whole.slice(0, whole.length / 2), () => response.socket?.destroy());
        return;
      }
      case "reset":
        if (fault.when === "after") {
          issued.delete(keyIn((await asked(exchange))[1]));
        }
        response.socket?.destroy();
        return;
      case "error": {
        const said = errorXml(fault.status, fault.code, fault.message);
        response.setHeader("date", new Date(Date.now() + (fault.dateOffsetMs ?? 0)).toUTCString());
        return send(response, said.status, await said.text());
      }
      case "text":
        return send(response, fault.status, fault.body);
      case "hang":
        return;
      default:
        fault satisfies never;
    }
  }

  /** What STS answers, by our clock. */
  async function asked({ request, incoming, body }: Exchange, lifetimeMs?: number): Promise<[number, string]> {
    const authorization = incoming.headers.authorization ?? "";
    const type = "application/x-www-form-urlencoded";
    const sent = await fetch(target, { method: "POST", headers: { authorization, "content-type": type }, body });
    const given = await sent.text();
    const askedMs = lifetimeMs ?? Number(request.form.get("DurationSeconds")) * 1000 * lifetimePart;
    const expiresAtMs = clock.now() + askedMs;
    const whole = given.replace(/(?<=<Expiration>)[^<]*/, new Date(expiresAtMs).toISOString());
    if (keyIn(whole) !== "") {
      issued.set(keyIn(whole), { asker: request.asker, expiresAtMs });
    }
    return [sent.status, whole];
  }

  const proxy: StsFaultProxy = {
    url: `http://${listen.host}:${(server.address() as AddressInfo).port}`,
    decide: () => ({ kind: "pass" }),
    requests,
    issued,
    get heldBack() {
      return [...heldBack.values()];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** Whose credentials a request asks for, as {@link StsRequest.asker} names it. */
export function askerFor({ role, sessionName, externalId = "" }: RoleIdentity): string {
  return `${role} ${sessionName} ${externalId}`;
}

function askerOf(form: URLSearchParams): string {
  return `${form.get("RoleArn")} ${form.get("RoleSessionName")} ${form.get("ExternalId") ?? ""}`;
}

/** @param date as AWS writes it: `20260101T000000Z` */
function signedAtMs(date: string): number {
  return Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"));
}

const keyIn = (xml: string): string => /<AccessKeyId>([^<]+)/.exec(xml)?.[1] ?? "";

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "text/xml" }).end(body);
}
