import { constants, type ServerHttp2Session } from "node:http2";

/** No stream yet: whatever the client has begun by the time it hears of it is served. */
const anyStream = 2 ** 31 - 1;

/** Why a client is asked to leave, as grpc-go writes it for people; the last is a server that stops. */
export type Leaving = "max_age" | "max_idle" | "graceful_stop";

/**
 * Tells a client to begin no more calls on its connection, and closes that when the calls under way are done. The first
 * notice names no last call, so that those which cross it on the way are answered and not lost; the last one is named when
 * the client has answered a ping, and so has read the notice. https://www.rfc-editor.org/rfc/rfc9113#section-6.8
 */
export function sendAway(session: ServerHttp2Session, why: Leaving): void {
  if (session.destroyed || session.closed) {
    return;
  }
  session.goaway(constants.NGHTTP2_NO_ERROR, anyStream, new TextEncoder().encode(why));
  session.ping(() => {
    if (!session.destroyed) {
      session.close();
    }
  });
}
