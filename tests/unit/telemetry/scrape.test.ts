import { expect, test } from "bun:test";
import { createScrape } from "../../../src/telemetry/scrape.ts";
import { createFakeClock } from "../../fakes/clock.ts";

function scraping() {
  const clock = createFakeClock();
  let collections = 0;
  const scrape = createScrape({ metrics: async () => `collection ${++collections}` }, clock);
  return { clock, scrape };
}

test("those who ask at once share a collection", async () => {
  const { scrape } = scraping();

  const texts = await Promise.all([scrape(), scrape(), scrape()]);

  expect(texts).toEqual(["collection 1", "collection 1", "collection 1"]);
});

test("it is collected again after a second, not before", async () => {
  const { clock, scrape } = scraping();
  await scrape();

  await clock.advance(999);
  const early = await scrape();
  await clock.advance(1);
  const late = await scrape();

  expect([early, late]).toEqual(["collection 1", "collection 2"]);
});
