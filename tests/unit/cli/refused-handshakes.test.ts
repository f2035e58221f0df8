import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createRefusedHandshakes } from "../../../src/cli/refused-handshakes.ts";
import { createTlsMetrics } from "../../../src/cli/tls-metrics.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { metricOf } from "../../fixtures/metrics.ts";

function setUp() {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const registry = new Registry();
  const refused = createRefusedHandshakes({ clock, logger, metrics: createTlsMetrics("server", registry) });
  return {
    ...{ clock, refused },
    told: () => logger.lines.map(({ fields }) => `${fields?.["addr"]} ${fields?.["reason"]}`),
    counted: () => metricOf(registry, "kiam_tls_refused_certificates_total"),
  };
}

test("a probe of the port is neither an error of a certificate nor worth a line", async () => {
  const server = setUp();

  for (const reason of ["ECONNRESET", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_HTTP_REQUEST"]) {
    server.refused(reason, "10.0.0.1");
  }

  expect([server.told(), await server.counted()]).toEqual([[], 0]);
});

test("each refused certificate is counted, and told of every ten minutes for each client and reason", async () => {
  const server = setUp();

  server.refused("CERT_HAS_EXPIRED", "10.0.0.1");
  server.refused("CERT_HAS_EXPIRED", "10.0.0.1");
  server.refused("CERT_HAS_EXPIRED", "10.0.0.2");
  server.refused("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "10.0.0.1");
  const atOnce = server.told();
  await server.clock.advance(600_000);
  server.refused("CERT_HAS_EXPIRED", "10.0.0.1");

  expect(atOnce).toEqual([
    "10.0.0.1 CERT_HAS_EXPIRED",
    "10.0.0.2 CERT_HAS_EXPIRED",
    "10.0.0.1 UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ]);
  expect([server.told().length, await server.counted()]).toEqual([4, 5]);
});
