// The button that copies an identifier, in a real Chromium: by keyboard, on the pages that show identifiers.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { startFurnishedRegion } from './furnished-region.ts';
import { signIn } from './sign-in.ts';

/** What a person would paste. */
const LISTEN = "(document.addEventListener('copy', () => { window.copied = String(getSelection()); }), 1)";

test('every identifier is copied by a button beside it, which the keyboard reaches', {
  skip: missing('chromium'),
}, async () => {
  const live = await startFurnishedRegion();
  const browser = await openBrowser();
  try {
    await signIn(browser, live.origin);
    const own = `machines/${live.systemId}/`;
    const cases = [
      [`${own}hardware/`, live.systemId],
      [`${own}network/`, '52:54:00:00:00:01'],
      ['networks/subnets/169082880/', '10.20.0.0/24'],
      ['networks/subnets/169082880/', '52:54:00:00:00:78'],
      ['networks/subnets/169082880/', '10.20.0.120'],
    ] as const;
    for (const [path, identifier] of cases) {
      await browser.open(`${live.origin}/MAAS/${path}`);
      await browser.evaluate(LISTEN);
      const button = `[...document.querySelectorAll('.copier')].find((one) => one.parentElement.textContent === '${identifier}')`;
      await browser.evaluate(`(${button}.focus(), 1)`);
      await browser.press('Enter');
      await browser.until(`window.copied === '${identifier}'`, 5000);
      assert.equal(await browser.evaluate('String(getSelection())'), '', 'what was copied is not marked any longer');
    }
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.close();
    await live.close();
  }
});
