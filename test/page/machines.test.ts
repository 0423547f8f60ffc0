// The list of machines in a real Chromium: at desktop and phone widths, while machines enlist, with hostile text, without the region.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHardwareFacts } from '../../src/region/records/hardware-facts.ts';
import { startRegion } from '../region/live.ts';
import { report } from '../region/place.ts';
import { acceptRack, OTHER_UUID, rackInterface } from '../region/racks/rack-place.ts';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { signIn } from './sign-in.ts';

const ATTACK = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

const WIDTHS_OF_COLUMNS =
  "Object.fromEntries([...document.querySelectorAll('table.machines th')].map((one) => [one.className, one.offsetWidth]))";

/** The links of the list in the colour of the text around them, and those within text that are not underlined. */
const PLAIN_LINKS = `[...document.querySelectorAll('table.machines td a')].filter((link) => {
  const [own, around] = [link, link.parentElement].map((one) => getComputedStyle(one));
  return own.color === around.color || (link.closest('.small') !== null && !own.textDecorationLine.includes('underline'));
}).map((link) => link.textContent)`;

const WORDY = {
  statusReason: { code: 'system-seen', params: {} } as const,
  powerType: 'webhook',
  osystem: 'debian',
  release: 'bookworm',
};

/** Cells whose text overflows into the next one. */
const COVERED =
  "[...document.querySelectorAll('td')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)";

/** Texts of which the style shows only the beginning. */
const CUT =
  "[...document.querySelectorAll('td summary')].filter((one) => one.scrollHeight > one.clientHeight).map((one) => one.innerText)";

function hostileFacts() {
  const parsed = parseHardwareFacts(
    JSON.stringify({
      cpu: { count: 2, model: ATTACK },
      memory_mib: 2048,
      disks: [{ name: ATTACK, bytes: 8e9, model: ATTACK }],
      dmi: { vendor: ATTACK, product: `"'><b>${ATTACK}` },
    }),
  );
  return parsed.kind === 'value' ? parsed.value : undefined;
}

function serialFacts(serial: string) {
  const parsed = parseHardwareFacts(JSON.stringify({ dmi: { serial } }));
  return parsed.kind === 'value' ? parsed.value : undefined;
}

test('the machines of two racks show their racks and owners, fit every width, and cut no reason', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  try {
    const { region } = live;
    const own = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    await acceptRack(region);
    const by = { username: 'a-person-of-a-long-name', isAdmin: true, comment: '' };
    const at = region.clock.wallTimeMs();
    for (let index = 1; index <= 4; index += 1) {
      const outcome = await region.enlist(report([0x525400000000 + index], { hostname: `storage-${index}` }));
      assert.ok(outcome.kind === 'create');
      const id = outcome.machine.systemId;
      const mac = `52:54:00:00:00:0${index}`;
      const address = `10.20.0.15${index}`;
      await region.observe([{ sequence: index, kind: 'dhcp.ack', at, mac, address, text: 'Took an address' }]);
      if (index === 1)
        await region.life.command(
          id,
          { name: 'mark-broken' },
          { ...by, comment: 'memory bank DIMM_A1 has errors, and a fan is loud' },
        );
      if (index > 1) await region.life.command(id, { name: 'accept', skipsCommissioning: index > 2 }, by);
      if (index > 3) await region.life.command(id, { name: 'allocate' }, by);
      if (index > 2)
        await region.store.changeMachine<never>(id, at, () => ({ kind: 'change', fields: WORDY, events: [] }));
    }
    await signIn(browser, live.origin);
    await browser.open(`${live.origin}/MAAS/machines/`);
    for (const width of [1480, 1280, 1000, 830, 390, 320]) {
      await browser.resize(width, 900);
      const overflow = await browser.evaluate(
        `[document.documentElement, ...document.querySelectorAll('.sheet')].map((one) => one.scrollWidth - one.clientWidth)`,
      );
      assert.deepEqual([...new Set(Object.values(Object(overflow)))], [0], `${width} px: something is cut off`);
      assert.deepEqual(await browser.evaluate(COVERED), [], `${width} px: a cell overflows into the next one`);
      if (width < 1000) continue;
      const wrapped =
        await browser.evaluate(`[...document.querySelectorAll('td.state .pill, td.power > div > *, td.owner .cut')]
        .filter((line) => line.offsetHeight > 2 * parseFloat(getComputedStyle(line).fontSize)).map((line) => line.innerText)`);
      assert.deepEqual(wrapped, [], `${width} px: a state, a power or an owner takes more than a line`);
      assert.deepEqual(await browser.evaluate(CUT), [], `${width} px: a reason or a last event is cut`);
    }
    await browser.resize(1480, 900);
    const widths = Object(await browser.evaluate(WIDTHS_OF_COLUMNS));
    const { event = 0, owner = 0 } = widths;
    assert.ok(
      event >= 240 && owner <= 130,
      `the last event gets the space that the owner does not need: ${JSON.stringify(widths)}`,
    );
    assert.equal(Math.max(...Object.values(widths).map(Number)), event, JSON.stringify(widths));
    assert.deepEqual(await browser.evaluate(PLAIN_LINKS), [], 'a link looks like the text around it');
    const text = String(await browser.evaluate('document.body.innerText'));
    for (const expected of ['rack-1', 'a-person-of-a-long-name']) assert.ok(text.includes(expected), expected);
    await browser.resize(1280, 900);
    const reason = "document.querySelector('td.state summary')";
    assert.match(String(await browser.evaluate(`${reason}.title`)), /and a fan is loud$/, 'the tooltip');
    await region.life.command(
      (await region.store.listMachines({}, 0, 1))[0]?.systemId ?? '',
      { name: 'mark-fixed' },
      by,
    );
    const long = `the memory test found ${'a faulty bank and then '.repeat(8)}the end`;
    await region.life.command(
      (await region.store.listMachines({}, 0, 1))[0]?.systemId ?? '',
      { name: 'mark-broken' },
      { ...by, comment: long },
    );
    await browser.until(`${reason}?.innerText.endsWith('the end') === true`, 10_000);
    const lines = `Math.round(${reason}.clientHeight / parseFloat(getComputedStyle(${reason}).lineHeight))`;
    assert.equal(await browser.evaluate(lines), 3, 'three lines of a long reason');
    await browser.evaluate(`(${reason}.click(), 1)`);
    assert.ok(Number(await browser.evaluate(lines)) > 3, 'a click opens all of it');
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.close();
    await live.close();
  }
});

test('the page shows machines as they enlist, fits every width, and runs no script from their text', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  try {
    await browser.resize(1480, 900);
    await signIn(browser, live.origin);
    await browser.open(`${live.origin}/MAAS/machines/`);
    assert.match(String(await browser.evaluate('document.body.innerText')), /No machines yet/);

    await live.region.enlist(report([0x525400000001], { hostname: 'web1', facts: hostileFacts() }));
    await live.region.observe([{ sequence: 1, kind: 'tftp.sent', at: live.region.clock.wallTimeMs(), text: ATTACK }]);
    const long = {
      kind: 'boot.hint',
      level: 'warning',
      text: 'it asks again for a file that is not in the boot tree of its own rack',
    } as const;
    const at = live.region.clock.wallTimeMs();
    await live.region.observe([{ sequence: 2, at, mac: '52:54:00:00:00:01', ...long }]);
    await browser.until("document.querySelector('td.event summary')?.innerText.includes('own rack')", 10_000);
    const text = String(await browser.evaluate('document.body.innerText'));
    for (const expected of ['New', '52:54:00:00:00:01', '2 × CPU', '2 GiB', '7.5 GiB', 'amd64', 'Last event', ATTACK]) {
      assert.ok(text.replace(/\u00a0/g, ' ').includes(expected), expected);
    }
    assert.equal(await browser.evaluate("document.querySelectorAll('img, main script, main b b').length"), 0);
    assert.notEqual(await browser.evaluate('document.title'), 'owned');

    for (const width of [1480, 1280, 820, 390, 320]) {
      await browser.resize(width, 800);
      const overflow = await browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${width} px: ${overflow} px too wide`);
      const wrapped = await browser.evaluate(`[...document.querySelectorAll('td.event summary, td.event > div > div')]
        .filter((line) => line.offsetHeight > 3 * parseFloat(getComputedStyle(line).fontSize)).length`);
      assert.equal(wrapped, 0, `${width} px: a last event takes more than two lines`);
    }
    await browser.resize(1480, 900);
    await browser.open(`${live.origin}/MAAS/`);
    assert.ok(!String(await browser.evaluate('document.body.innerText')).includes('may be the same machine'));
    const serial = { facts: serialFacts(`SN-${ATTACK}`) };
    for (const own of [0x525400000002, 0x525400000003]) await live.region.enlist(report([own], serial));
    await browser.until("document.body.innerText.includes('may be the same machine')", 10_000);
    const notice = String(await browser.evaluate("document.querySelector('ul.needs').innerText"));
    assert.match(notice, /may be the same machine as .*the same serial number/);
    assert.equal(await browser.evaluate(`document.querySelectorAll('ul.needs a[href$="/identity/"]').length`), 1);
    for (const width of [1280, 390, 320]) {
      await browser.resize(width, 800);
      const overflow = await browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${width} px: ${overflow} px too wide`);
    }
    assert.deepEqual(browser.complaints, []);

    await browser.open(`${live.origin}/MAAS/machines/`);
    await live.api.close();
    await browser.until("document.querySelector('.fresh').classList.contains('stale')", 10_000);
    const fresh = await browser.evaluate("document.querySelector('.fresh').innerText");
    assert.equal(fresh, 'the region does not answer; retrying');
    assert.match(String(await browser.evaluate('document.body.innerText')), /web1\.maas/);
  } finally {
    await browser.close();
    await live.close();
  }
});
