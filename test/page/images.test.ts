// The pages of images in a real Chromium, at desktop and phone widths: many images, those that failed first, the downloads of racks, and one image,
// whose page follows its import. An image of a site on loopback is ticked, and imported until it is there; another one is uploaded.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readImages } from '../../src/images/store/image-store.ts';
import type { ListedImage } from '../../src/region/life/deployment.ts';
import type { ImportProgress } from '../../src/region/records/boot-store.ts';
import type { ImportReason } from '../../src/region/records/import-reason.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { PASSWORD, startRegion } from '../region/live.ts';
import { missing } from '../support/needs.ts';
import { type BrowserPage, openBrowser } from './chromium.ts';
import { withImporting } from './importing-region.ts';
import { signIn } from './sign-in.ts';

const NOBLE = 'ubuntu/noble/amd64/generic/release';
const MIB = 2 ** 20;
const STATES = ['queued', 'waiting', 'connecting', 'downloading', 'verifying', 'cancelled', 'done'] as const;
const LONG = `https://images.example/${'ephemeral-v3/'.repeat(12)}streams/v1/index.sjson`;
const UNSIGNED: ImportReason = { code: 'said', params: { said: `${LONG}: no accepted key made its signature` } };
const WIDTHS = [
  [1280, 900],
  [390, 844],
] as const;
const RACKS = ['11111111-2222-4333-8444-555555555501', '11111111-2222-4333-8444-555555555502'];

test('the page shows many images within its width, the failed ones first, and the downloads of each rack', {
  skip: missing('chromium'),
}, async () => {
  const stored = Array.from(
    { length: 40 },
    (_, at): ListedImage => ({
      os: 'b-system',
      release: `release-${at}`,
      architecture: 'amd64',
      subarchitecture: 'generic',
      label: 'release',
      serial: '20261015',
      title: 'A title of an image',
      bytes: MIB,
      sha256: 'a'.repeat(64),
    }),
  );
  const live = await startRegion({}, { listImages: async () => stored });
  const browser = await openBrowser();
  try {
    const { store, clock } = live.region;
    const nowMs = clock.wallTimeMs();
    const common = { source: 'site', serial: '20261015', title: 'A title of an image' };
    const some = STATES.map((state, at) => {
      const bytes = state === 'queued' || state === 'connecting' || state === 'cancelled' ? 0 : 300 * MIB;
      const name = `a-system/release-${at}/amd64/hwe-24.04-lowlatency/stable`;
      return [name, { ...common, state, bytes, total: 600 * MIB, bytesPerSecond: 12 * MIB }] as const;
    });
    const done = Array.from({ length: 40 }, (_, at) => {
      const progress = { ...common, state: 'done', bytes: MIB, total: MIB } as const;
      return [`b-system/release-${at}/amd64/generic/release`, progress] as const;
    });
    const failed = ['y', 'z'].map((os) => {
      const progress = { ...common, state: 'failed', bytes: 0, reason: UNSIGNED } as const;
      return [`${os}/failed/arm64/generic/release`, progress] as const;
    });
    await store.boot.noteProgress(new Map<string, ImportProgress>([...some, ...done, ...failed]), nowMs);
    const file = `ubuntu/noble/amd64/generic/release/20261015/${'a'.repeat(64)}.img.zst`;
    const downloads = RACKS.flatMap((rack) =>
      [1, 2].map((at) => ({ rack, file: `${at}${file}`, bytes: at * MIB, total: 9 * MIB, error: '', atMs: nowMs })),
    );
    const skipped = ['ubuntu/noble/amd64/hwe-24.04-lowlatency/release', 'ubuntu/nobel'].map((name) => ({
      name,
      reason: UNSIGNED,
    }));
    await store.boot.changeRun({ askedMs: nowMs, begunMs: nowMs, downloads, skipped });
    await signIn(browser, live.origin);
    for (const [width, height] of WIDTHS) {
      await browser.resize(width, height);
      await browser.open(`${live.origin}/MAAS/images/`);
      await browser.until("document.querySelectorAll('#images tbody tr').length === 49", 10_000);
      assert.equal(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, `${width}`);
      const list = async (selector: string) => {
        const found = `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.textContent.trim())`;
        return (await browser.evaluate(found)) as readonly string[];
      };
      const pills = await list('#images .pill');
      assert.deepEqual(pills.slice(0, 3), ['Failed', 'Failed', 'Queued']);
      assert.ok(pills.slice(10).every((pill) => pill === 'Ready'));
      assert.match((await list('#run')).join(), /2 images have failed\. "Not imported" lists 2 /);
      assert.deepEqual(await list('#reported b'), [...RACKS].reverse(), 'each rack once');
      const box = async (selector: string): Promise<{ x: number; y: number; width: number; height: number }> =>
        (await browser.evaluate(`document.querySelector('${selector}').getBoundingClientRect()`)) as never;
      await browser.evaluate("document.querySelector('#skipped-list').open = true");
      const [summary, count] = [await box('#skipped-list summary'), await box('#skipped-list summary .tag')];
      assert.ok(count.y - summary.y < 20, `${width}: the count is in the line of the heading`);
      const [sheet, said] = [await box('#skipped'), await box('#skipped .said')];
      assert.ok(said.width > sheet.width * 0.8, `${width}: a reason has the width of its box`);
      // On a phone, a cell without content would show its label alone.
      const isBare = "one.getClientRects().length > 0 && one.textContent.trim() === ''";
      const bare = `[...document.querySelectorAll('#images td:last-child')].filter((one) => ${isBare}).length`;
      if (width < 400) assert.equal(await browser.evaluate(bare), 0);
      const row = "[...document.querySelectorAll('#images tr')].at(-1)";
      const tops = `new Set([...${row}.querySelectorAll('td.fact > div:not(:empty)')].map((one) => one.getClientRects()[0].top)).size`;
      assert.equal(await browser.evaluate(tops), 1, `${width}: architecture, version and size share a line`);
      const shown = String(await browser.evaluate(`${row}.innerText`));
      assert.ok(!shown.includes('Used by'), 'nothing is said of machines where none uses an image');
    }
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.close();
    await live.close();
  }
});

/** Clicks the button with this label, and waits for its page. */
async function click(browser: BrowserPage, label: string) {
  const button = `[...document.querySelectorAll('button')].find((one) => one.textContent === ${JSON.stringify(label)})`;
  await browser.until(`${button} !== undefined`, 10_000);
  await browser.evaluate(`(window.isBefore = true, ${button}.click(), 1)`).catch(() => undefined);
  await browser.until("window.isBefore === undefined && document.readyState === 'complete'", 10_000);
}

/** Takes a picture if somebody wants to look at it. */
async function picture(browser: BrowserPage, name: string) {
  const directory = process.env.RACKBOOT_SCREENSHOTS;
  if (directory !== undefined) await browser.screenshot(`${directory}/${name}.png`);
}

test('the page of an image follows its import, a stop and its deletion without a reload', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  try {
    const { boot } = live.region.store;
    const nowMs = live.region.clock.wallTimeMs();
    await boot.changeRun({ askedMs: nowMs, begunMs: nowMs });
    const note = (state: ImportProgress['state'], bytes: number) => {
      const rate = state === 'downloading' ? { bytesPerSecond: 2 * MIB } : {};
      const reason = state === 'cancelled' ? { reason: { code: 'stopped', params: {} } as const } : {};
      const common = { source: 'http://site/', serial: '20261120', title: 'Ubuntu 24.04 LTS', total: 150 * MIB };
      return boot.noteProgress(new Map([[NOBLE, { ...common, state, bytes, ...rate, ...reason }]]), nowMs);
    };
    await note('downloading', 5 * MIB);
    await signIn(browser, live.origin);
    const [{ id } = { id: 0 }] = await boot.listResources();
    const pill = "document.querySelector('#image .pill')?.textContent";
    for (const [width, height] of WIDTHS) {
      await browser.resize(width, height);
      await browser.open(`${live.origin}/MAAS/images/${id}/`);
      assert.equal(await browser.evaluate("document.querySelector('.fresh')?.textContent"), 'live');
      await browser.evaluate("(document.querySelector('#delete details').open = true, 1)");
      await note('downloading', 50 * MIB);
      await browser.until(`document.querySelector('#image progress').value === ${50 * MIB}`, 5000);
      assert.equal(await browser.evaluate("document.querySelector('#delete details').open"), true, 'it stays open');
      await note('cancelled', 51 * MIB);
      await browser.until(`${pill} === 'Stopped'`, 5000);
      await picture(browser, `image-stopped-${width}`);
      assert.equal(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, `${width}`);
      await click(browser, 'Resume');
      await note('downloading', 5 * MIB);
      await browser.until(`${pill} === 'Downloading'`, 5000);
    }
    assert.deepEqual(browser.complaints, []);
    await boot.forget([NOBLE]);
    await browser.until("document.querySelector('.fresh')?.textContent === 'deleted'", 5000);
  } finally {
    await browser.close();
    await live.close();
  }
});

test('neither buttons nor columns of the list move when the state of an image changes', {
  skip: missing('chromium'),
}, async () => {
  const names = { architecture: 'amd64', subarchitecture: 'generic', label: 'release', serial: '20261101' };
  const stored = ['bookworm', 'jammy'].map((release): ListedImage => {
    const facts = { bytes: 170 * MIB, diskBytes: 961 * MIB, sha256: 'a'.repeat(64) };
    return {
      ...names,
      ...facts,
      os: release === 'jammy' ? 'ubuntu' : 'debian',
      release,
      title: 'A system with cloud-init',
    };
  });
  const live = await startRegion({}, { listImages: async () => stored });
  const browser = await openBrowser();
  try {
    const { boot } = live.region.store;
    const nowMs = live.region.clock.wallTimeMs();
    const common = { source: 'http://site/', serial: '20261120', title: 'Ubuntu LTS' };
    const moving = { bytes: 9_950_000, total: 158_900_000, bytesPerSecond: 1_990_000 } as const;
    const stages: readonly Pick<ImportProgress, 'state' | 'bytes' | 'total' | 'bytesPerSecond' | 'reason'>[] = [
      { state: 'queued', bytes: 0, total: moving.total },
      { state: 'connecting', bytes: 0, total: moving.total },
      { state: 'downloading', ...moving },
      { state: 'cancelled', bytes: moving.bytes, total: moving.total, reason: { code: 'stopped', params: {} } },
      { state: 'failed', bytes: 0, reason: UNSIGNED },
    ];
    await signIn(browser, live.origin);
    await browser.resize(1280, 900);
    const measured = `JSON.stringify({
      columns: [...document.querySelectorAll('#images th')].map((one) => one.getBoundingClientRect().x),
      buttons: [...document.querySelectorAll('#images tr:has(form)')].map((row) => {
        const [at, of] = [row.querySelector('.acts .button').getBoundingClientRect(), row.getBoundingClientRect()];
        return [Math.round(at.x), Math.round(at.y - of.y)];
      }),
      pills: [...new Set([...document.querySelectorAll('#images .pill')].map((one) => Math.round(one.getBoundingClientRect().x)))],
    })`;
    const seen: { columns: readonly number[]; buttons: readonly (readonly number[])[]; pills: readonly number[] }[] =
      [];
    await signIn(browser, live.origin);
    for (const stage of stages) {
      await boot.changeRun({ askedMs: nowMs, begunMs: nowMs });
      // The second one has a former version.
      const rows = [NOBLE, 'ubuntu/jammy/amd64/generic/release'].map(
        (name) => [name, { ...common, ...stage }] as const,
      );
      await boot.noteProgress(new Map<string, ImportProgress>(rows), nowMs);
      await browser.open(`${live.origin}/MAAS/images/`);
      seen.push(JSON.parse(String(await browser.evaluate(measured))));
      await picture(browser, `images-${stage.state}-1280`);
    }
    const [first] = seen;
    const versions = "[...document.querySelectorAll('#images td:nth-child(3) > div')].map((one) => one.clientHeight)";
    assert.ok(Math.min(...((await browser.evaluate(versions)) as number[])) < 30, 'a version has one line');
    assert.equal(first?.pills.length, 1, 'the states are below each other');
    // Only a stopped or failed import has one.
    const [stopped, failed] = seen.slice(-2).map(({ buttons }) => buttons);
    assert.equal(new Set(stopped?.map(String)).size, 1, 'so are the buttons');
    assert.equal(stopped?.length, 2);
    assert.ok((stopped[0]?.[0] ?? 0) > (first?.columns[5] ?? 0), 'the buttons are in the last column');
    assert.deepEqual(failed, stopped);
    for (const [index, one] of seen.entries())
      assert.deepEqual({ ...one, buttons: [] }, { ...first, buttons: [] }, stages[index]?.state);
    for (const width of [1180, 1000, 830, 390, 320]) {
      await browser.resize(width, 844);
      assert.equal(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, `${width}`);
      const cut =
        "[...document.querySelectorAll('#images td *, #images th')].filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline').map((one) => one.outerHTML)";
      assert.deepEqual(await browser.evaluate(cut), [], `${width}`);
      await picture(browser, `images-failed-${width}`);
    }
  } finally {
    await browser.close();
    await live.close();
  }
});

test(
  'an image of a site is ticked, imported with a bar, and there; without its tick nothing is imported any more',
  {
    skip: missing('chromium', 'gpg'),
  },
  () =>
    withImporting(async ({ origin, tree, site, served }) => {
      const browser = await openBrowser();
      try {
        const url = await site.open();
        site.pauseMs = 15;
        await signIn(browser, origin);
        await browser.open(`${origin}/MAAS/images/sources/`);
        const fields = JSON.stringify({ url, keyring_data: Buffer.from(site.keyring).toString('base64') });
        await browser.evaluate(
          `(Object.entries(${fields}).forEach(([name, value]) => { document.querySelector('[name=' + name + ']').value = value; }), 1)`,
        );
        await click(browser, 'Add source');
        const offered = async () => String(await browser.evaluate("document.querySelector('#offered').innerText"));
        // The page waits some seconds for the answer; on a busy host the source needs more.
        while ((await offered()).includes('Is being asked'))
          await browser.open(String(await browser.evaluate('location.href')));
        assert.match(await offered(), /Answers\s+2 images/);
        await picture(browser, 'image-source-1280');
        const [source] = (await served.region.bootImages.listSources()).slice(-1);
        await browser.resize(360, 800);
        await browser.open(`${origin}/MAAS/images/choose/?source=${source?.id}&now=true`);
        const noble = `document.querySelector('[aria-label="ubuntu/noble amd64"]')`;
        assert.match(String(await browser.evaluate("document.querySelector('#sum').textContent")), /^0 ticked, 0\sMiB/);
        await browser.evaluate(`(${noble}.click(), 1)`);
        assert.match(String(await browser.evaluate("document.querySelector('#sum').textContent")), /^1 ticked, 8\sMiB/);
        assert.equal(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
        await picture(browser, 'images-choose-360');
        await click(browser, 'Save and import');
        await browser.until("document.querySelector('#images progress') !== null", 15_000);
        await picture(browser, 'images-importing-360');
        site.pauseMs = 0;
        await browser.until("document.querySelector('#images .pill')?.textContent === 'Ready'", 30_000);
        assert.deepEqual(
          readImages(tree).images.map(({ os, release }) => `${os}/${release}`),
          ['ubuntu/noble'],
        );
        await browser.open(`${origin}/MAAS/images/choose/?source=${source?.id}&now=true`);
        assert.equal(await browser.evaluate(`${noble}.checked`), true);
        await browser.evaluate(`(${noble}.click(), 1)`);
        await click(browser, 'Only save');
        assert.deepEqual(await served.region.bootImages.listSelections(), []);
        assert.equal(readImages(tree).images.length, 1, 'what was imported stays');
        assert.deepEqual(browser.complaints, []);
      } finally {
        await browser.close();
      }
    }),
);

test(
  'the file of an image is uploaded by the form, with and without its script',
  {
    skip: missing('chromium', 'gpg'),
  },
  () =>
    withImporting(async ({ origin, tree, scratch }) => {
      const browser = await openBrowser();
      try {
        const content = makeSystemDisk(4 * MIB, 9);
        const file = join(scratch, 'disk.img');
        writeFileSync(file, content);
        await signIn(browser, origin);
        const form = "document.querySelector('form.form')";
        const fill = async (name: string, kind: string) => {
          await browser.open(`${origin}/MAAS/images/upload/`);
          await browser.chooseFile('[name=content]', file);
          const values = JSON.stringify({ name, filetype: kind });
          await browser.evaluate(
            `(Object.entries(${values}).forEach(([name, value]) => { ${form}.elements[name].value = value; }), 1)`,
          );
        };
        await browser.resize(360, 800);
        await fill('bootloader/site', 'tgz');
        await picture(browser, 'image-upload-360');
        await browser.evaluate(`(${form}.requestSubmit(), 1)`);
        await browser.until("document.querySelector('#f-name').ariaInvalid === 'true'", 20_000);
        assert.equal(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
        await picture(browser, 'image-upload-refused-360');
        await fill('custom/by-script', 'ddraw');
        await click(browser, 'Upload');
        assert.equal(await browser.evaluate('location.pathname'), '/MAAS/images/');
        assert.match(
          String(await browser.evaluate("document.querySelector('#notice').textContent")),
          /custom\/by-script/,
        );
        await fill('custom/by-form', 'ddraw');
        // As a browser without scripts sends it.
        await browser.evaluate(`(${form}.submit(), 1)`).catch(() => undefined);
        await browser.until("document.querySelectorAll('#images .pill').length === 2", 20_000);
        assert.deepEqual(
          readImages(tree)
            .images.map(({ release, diskBytes }) => [release, diskBytes])
            .toSorted(),
          [
            ['by-form', content.length],
            ['by-script', content.length],
          ],
        );
        assert.deepEqual(readdirSync(join(tree, 'images', '.uploads')), [], 'nothing of the refused one is left');
      } finally {
        await browser.close();
      }
    }),
);

test(
  'a file that another site sends, or one without the secret of the session, is not kept',
  {
    skip: missing('gpg'),
  },
  () =>
    withImporting(async ({ origin, tree }) => {
      const login = new URLSearchParams({ username: 'admin', password: PASSWORD });
      const signedIn = await fetch(`${origin}/MAAS/login/`, { method: 'POST', body: login, redirect: 'manual' });
      const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
      const send = async (headers: Readonly<Record<string, string>>, bytes: number) => {
        const body = new FormData();
        const fields = { csrf: 'x', name: 'custom/x', architecture: 'amd64', filetype: 'ddraw' };
        for (const [name, value] of Object.entries(fields)) body.append(name, value);
        body.append('content', new Blob([Buffer.alloc(bytes)]), 'disk.img');
        const answer = await fetch(`${origin}/MAAS/images/upload/`, {
          method: 'POST',
          body,
          headers,
          redirect: 'manual',
        });
        return answer.status;
      };
      assert.equal(await send({ cookie, origin }, MIB), 403);
      assert.equal(await send({ cookie, origin: 'http://evil.example' }, MIB), 403);
      assert.equal(
        await send({ cookie, origin: 'http://evil.example' }, 3 * MIB),
        413,
        'no more than of any form is read',
      );
      assert.equal(await send({}, MIB), 303, 'sign in first');
      const uploads = join(tree, 'images', '.uploads');
      assert.deepEqual(existsSync(uploads) ? readdirSync(uploads) : [], []);
    }),
);
