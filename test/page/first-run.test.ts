// The first run in a real Chromium, with the keyboard only: signed in, an administrator goes through all steps and skips two of them; then the
// overview lists those two.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFileSources } from '../../src/config/image-sources.ts';
import type { SourceOffers } from '../../src/images/engine/asking.ts';
import { PASSWORD, startRegion } from '../region/live.ts';
import { OTHER_UUID } from '../region/racks/rack-place.ts';
import { missing } from '../support/needs.ts';
import { type BrowserPage, openBrowser } from './chromium.ts';

const WAIT_MS = 15_000;
/** The most tabs from the heading of a step to anything in it. */
const TABS_MAX = 40;

const offersOf = (source: string): SourceOffers => ({
  images:
    source === 'debian'
      ? ['bookworm', 'trixie'].map((release, index) => ({
          kind: 'image' as const,
          os: source,
          release,
          architecture: 'amd64',
          title: release,
          aliases: [],
          day: '2026-11-18',
          bytes: 641_728_512,
          supportEnds: `20${28 + index}-06-30`,
        }))
      : [],
  problems: [],
});

/** Tabs on until the focus is on something with this text, value or name. */
async function tabTo(browser: BrowserPage, wanted: string): Promise<void> {
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    await browser.press('Tab');
    const found = await browser.evaluate(
      '[document.activeElement.textContent.trim(), document.activeElement.name ?? ""]',
    );
    if (Object.values(Object(found)).includes(wanted)) return;
  }
  assert.fail(`${wanted} is not reached by ${TABS_MAX} tabs`);
}

/** Presses Enter, and waits for the next page. @param path of it */
async function enter(browser: BrowserPage, path: string): Promise<void> {
  await browser.press('Enter');
  await browser.until(
    `location.pathname === ${JSON.stringify(path)} && document.readyState === 'complete' && document.querySelector('h1') !== null`,
    WAIT_MS,
  );
}

const stepOf = (name: string) => `/MAAS/first-run/${name}`;

for (const width of [360, 1280])
  test(`at ${width} px, the keyboard is enough for the whole first run, and the overview lists what was skipped`, {
    skip: missing('chromium'),
  }, async () => {
    const live = await startRegion(
      {},
      {
        fileSources: openFileSources(undefined),
        askOffers: async ({ name }) => offersOf(name),
        freeBytes: async () => 2 ** 36,
      },
    );
    const browser = await openBrowser();
    try {
      const { region } = live;
      const addresses = [{ interface: 'eth1', address: '10.20.0.1/24' }];
      const rack = { uuid: OTHER_UUID, name: 'rack-1', version: '0.1.0', interfaces: [], pinned: [], addresses };
      await region.racks.putOwn(rack);
      await browser.resize(width, 900);
      await browser.open(`${live.origin}/MAAS/`);
      await browser.type('admin');
      await browser.press('Tab');
      await browser.type(PASSWORD);
      await enter(browser, stepOf(''));
      await tabTo(browser, 'Continue');
      await enter(browser, stepOf('name/'));
      await tabTo(browser, 'region.name');
      await browser.type('lab');
      await enter(browser, stepOf('upstream/'));
      await tabTo(browser, 'Skip');
      await enter(browser, stepOf('archives/'));
      await tabTo(browser, 'Save and continue');
      await enter(browser, stepOf('proxy/'));
      await tabTo(browser, 'http_proxy');
      await browser.type('http://proxy.example:3128/');
      await enter(browser, stepOf('key/'));
      await tabTo(browser, 'Skip');
      await enter(browser, stepOf('images/'));
      await browser.until("document.querySelector('form.choose') !== null", WAIT_MS);
      await tabTo(browser, 'Only save');
      await enter(browser, stepOf('dhcp/'));
      await tabTo(browser, 'Enable DHCP');
      await enter(browser, stepOf(''));
      const wide = await browser.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.equal(wide, 0);

      assert.equal(region.settings.valueOf('http_proxy'), 'http://proxy.example:3128/');
      assert.equal(region.settings.stored('', 'preseeds.ubuntu_mirror'), 'http://archive.ubuntu.com/ubuntu');
      assert.deepEqual(
        (await region.bootImages.listSelections()).map(({ os, release, arches }) => [os, release, arches]),
        [['debian', 'trixie', ['amd64']]],
      );
      const { served } = await region.networks.look();
      assert.deepEqual(
        served.map(({ rackName, management }) => [rackName, management]),
        [['rack-1', 2]],
      );

      await browser.open(`${live.origin}/MAAS/`);
      const links = "[...document.querySelectorAll('#steps a')].map((one) => one.pathname)";
      const skipped = JSON.stringify([stepOf('upstream/'), stepOf('key/')]);
      await browser.until(`JSON.stringify(${links}) === ${JSON.stringify(skipped)}`, WAIT_MS);
      assert.deepEqual(browser.complaints, []);
    } finally {
      await browser.close();
      await live.close();
    }
  });
