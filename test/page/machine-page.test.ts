// The page of one machine in a real Chromium: reached by its link, refreshed live, at desktop and phone widths, with hostile text.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRegion } from '../region/live.ts';
import { report } from '../region/place.ts';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';

const ATTACK = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
/** About the longest log line of a boot, with the name of its rack. */
const WORDY = 'Was told to run the ephemeral environment (/pxelinux.cfg/01-52-54-00-00-00-01, HTTP) (rack-2)';

/** The left edge of each log text, in pixels, and its number of lines. */
const LINES = `[...document.querySelectorAll('ol li .what')].map((one) => {
  const { fontSize } = getComputedStyle(one);
  return [Math.round(one.getBoundingClientRect().left), Math.floor(one.offsetHeight / parseFloat(fontSize) / 1.4)];
})`;
const LONG = 'a-name-without-a-place-to-break-'.repeat(8);

test('a machine opens by its link, and its new events appear live', {
  skip: missing('chromium'),
  timeout: 90_000,
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  const text = async (): Promise<string> => String(await browser.evaluate('document.body.innerText'));
  let sequence = 0;
  const tell = async (kind: string, mac: string, words: string, level: 'debug' | 'info' = 'debug'): Promise<void> => {
    sequence += 1;
    await live.region.observe([{ sequence, kind, mac, at: live.region.clock.wallTimeMs(), text: words, level }]);
  };
  const isNarrow = async (): Promise<void> => {
    for (const width of [1280, 820, 390, 320]) {
      await browser.resize(width, 800);
      const overflow = await browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${width} px: ${overflow} px too wide`);
    }
  };
  try {
    await live.region.enlist(report([0x525400000001], { hostname: 'web1' }));
    await tell('dhcp.offer', '52:54:00:00:00:01', 'Offered 10.20.0.100 (new) and lpxelinux.0 (BIOS, PXE)');
    await tell('tftp.sent', '52:54:00:00:00:09', `Loaded ${ATTACK}`);
    await browser.resize(1280, 900);
    await browser.open(`${live.origin}/MAAS/`);
    await browser.evaluate("document.querySelector('td a').click()");
    await browser.until(
      "document.readyState === 'complete' && document.body.innerText.includes('Next network boot')",
      10_000,
    );
    const first = await text();
    for (const expected of ['web1.maas', 'New', 'Next network boot', '+0.00 s', 'and lpxelinux.0', 'rackboot trace']) {
      assert.ok(first.includes(expected), expected);
    }
    await tell('boot.of-a-later-version', '52:54:00:00:00:01', WORDY, 'info');
    const lines = async (): Promise<readonly (readonly [left: number, count: number])[]> =>
      Object.values(Object(await browser.evaluate(LINES)));
    const isSeen = `document.body.innerText.includes(${JSON.stringify(WORDY)})`;
    for (const path of [`/MAAS/machines/52:54:00:00:00:01/`, '/MAAS/']) {
      await browser.open(`${live.origin}${path}`);
      await browser.until(isSeen, 10_000);
      const found = await lines();
      assert.ok(found.length > 1 && found.every(([, count]) => count === 1), `${path}: ${JSON.stringify(found)}`);
      await browser.resize(900, 900);
      const narrow = await lines();
      assert.ok(
        narrow.some(([, count]) => count > 1),
        JSON.stringify(narrow),
      );
      assert.equal(new Set(narrow.map(([left]) => left)).size, 1, 'a wrapped text continues below its own start');
      await browser.resize(1280, 900);
    }
    await browser.open(`${live.origin}/MAAS/machines/52:54:00:00:00:01/`);
    await tell('http.file-sent', '52:54:00:00:00:01', `Loaded ${ATTACK} ${LONG}`);
    await browser.until(`document.body.innerText.includes('${LONG}')`, 10_000);
    await isNarrow();

    await browser.open(`${live.origin}/MAAS/`);
    assert.match(await text(), /Seen, not enlisted/);
    await isNarrow();
    await browser.open(`${live.origin}/MAAS/machines/52:54:00:00:00:09/`);
    assert.match(await text(), /not enlisted/);
    assert.ok((await text()).includes(`Loaded ${ATTACK}`));
    await isNarrow();
    assert.equal(await browser.evaluate("document.querySelectorAll('img, main script').length"), 0);
    assert.notEqual(await browser.evaluate('document.title'), 'owned');
    assert.deepEqual(browser.complaints, []);

    await browser.open(`${live.origin}/MAAS/machines/nobody/`);
    assert.match(await text(), /Not found/);
  } finally {
    await browser.close();
    await live.close();
  }
});
