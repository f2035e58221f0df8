import { STATUS_CODES } from "node:http";

export type Headers = Readonly<Record<string, string>>;

/** What a request gets, ready to be written. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Where each character of the body stands for a byte; UTF-8 where absent. */
  readonly bodyEncoding?: "latin1";
}

export function textAnswer(body: string, headers: Headers = {}): Answer {
  return answer(200, "text/plain", body, headers);
}

/** @param body JSON text */
export function jsonAnswer(status: number, body: string, headers: Headers = {}): Answer {
  return answer(status, "application/json", body, headers);
}

/**
 * What the metadata service sends besides with what is written down there. That it closes the connection each time is not
 * done here.
 * @param lastModifiedMs since the Unix epoch; absent where it is not known
 */
export function documentHeaders(lastModifiedMs?: number): Headers {
  return {
    "Accept-Ranges": "none",
    ...(lastModifiedMs === undefined ? {} : { "Last-Modified": new Date(lastModifiedMs).toUTCString() }),
  };
}

export function answer(status: number, contentType: string, body: string, headers: Headers): Answer {
  return {
    status,
    headers: {
      "Content-Type": contentType,
      "Content-Length": String(Buffer.byteLength(body)),
      Server: "kiam",
      ...headers,
    },
    body,
  };
}

/** The same as it goes over a connection that no HTTP request could be read from, which is closed after it. */
export function rawAnswer({ status, headers, body }: Answer): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
