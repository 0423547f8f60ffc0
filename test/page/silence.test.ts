// A live page after a region that did not answer for a while, in a real Chromium.
// @host waits

import { test } from 'node:test';
import { startRegion } from '../region/live.ts';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { signIn } from './sign-in.ts';

const SILENT_MS = 5000;
/** Ten times the silence would be 50 s. */
const BACK_MS = 25_000;

/** The first refresh waits, and fails. */
const SILENCE = `(() => {
  const own = window.fetch;
  let isSilent = true;
  window.fetch = (...asked) => {
    if (!isSilent) return own(...asked);
    isSilent = false;
    return new Promise((_resolve, reject) => setTimeout(() => reject(new Error('silent')), ${SILENT_MS}));
  };
})()`;

test('a page says soon that a region answers again', { skip: missing('chromium') }, async () => {
  const live = await startRegion({});
  const browser = await openBrowser();
  try {
    await signIn(browser, live.origin);
    await browser.beginWith(SILENCE);
    await browser.open(`${live.origin}/MAAS/racks/`);
    await browser.until("document.querySelector('.fresh.stale') !== null", SILENT_MS + BACK_MS);
    await browser.until("document.querySelector('.fresh.stale') === null", BACK_MS);
  } finally {
    await browser.close();
    await live.close();
  }
});
