// The racks on the page, in a real Chromium: at desktop and phone widths, with the button for a pending one.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AWAY_AFTER_MS } from '../../src/region/records/rack.ts';
import { startRegion } from '../region/live.ts';
import {
  acceptRack,
  OTHER_UUID,
  RACK_UUID,
  rackInterface,
  register,
  registration,
} from '../region/racks/rack-place.ts';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { signIn } from './sign-in.ts';

test('the page shows several racks, their waiting events, and since when one is away', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  try {
    const { racks, clock, store } = live.region;
    const words = async () => String(await browser.evaluate('document.body.innerText')).replace(/\u00a0/g, ' ');
    const own = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await racks.putOwn({ ...own, uuid: '11111111-2222-4333-8444-555555555500' });
    await browser.resize(1280, 900);
    await signIn(browser, live.origin);
    await browser.open(`${live.origin}/MAAS/racks/`);

    await register(live.region, registration());
    await browser.until("document.querySelector('#racks a.button')?.href.endsWith('/do/accept/')", 10_000);
    assert.match(await words(), /rack-1\s+In this process[\s\S]*rack-2\s+Pending[\s\S]*registered from 192\.0\.2\.9/i);

    await acceptRack(live.region);
    const interfaces = Array.from({ length: 9 }, (_, index) => rackInterface(`10.${50 + index}.0.0/24`));
    const pulse = { life: 'x', applied: 1, waiting: 12_345, dropped: 6, deadLetters: 0, pinned: [], startedMs: 1 };
    await racks.hear(RACK_UUID, { version: '0.1.0', uplink: 1, interfaces, pulse });
    const key = { kind: 'own', token: 'token-of-rack-3', secretDigest: 'ab'.repeat(32) } as const;
    await register(
      live.region,
      registration({ uuid: OTHER_UUID, name: 'a-rack-of-a-very-long-name-that-goes-on-and-on-and-on-and-on', key }),
    );
    await browser.until("document.body.innerText.includes('12345\u00a0waiting, 6\u00a0lost')", 10_000);
    assert.match(await words(), /Accepted/);
    assert.match(await words(), /and 3 more/);

    await store.racks.change((all) => {
      const silent = all.filter(({ uuid }) => uuid === RACK_UUID);
      const seenMs = clock.wallTimeMs() - AWAY_AFTER_MS - 60_000;
      return { put: silent.map((rack) => ({ ...rack, seenMs })), events: [], result: undefined };
    });
    await browser.until("document.body.innerText.includes('Silent')", 10_000);
    const since = "document.querySelector('#racks .why time').title";
    assert.match(String(await browser.evaluate(since)), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);

    for (const width of [1280, 820, 390, 320]) {
      await browser.resize(width, 900);
      const overflow = await browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${width} px: ${overflow} px too wide`);
      const directory = process.env.RACKBOOT_SCREENSHOTS;
      if (directory !== undefined) await browser.screenshot(`${directory}/racks-${width}.png`);
    }
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.close();
    await live.close();
  }
});
