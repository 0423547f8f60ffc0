// A machine with real firmware by clicking: it boots from the network, and in a real Chromium a person accepts it, watches it being measured,
// deploys it, and looks at the boots as its page draws them.
// @host alone

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { startVirtualPage } from '../../src/lab/virtual-lab.ts';
import { type BrowserPage, openBrowser } from '../page/chromium.ts';
import { Person } from '../page/person.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { SMALL_SYSTEM } from '../support/life-systems.ts';
import { portOf } from '../support/listening-port.ts';
import { missing } from '../support/needs.ts';
import { BIOS_LIFE, LIFE_NEEDS, LifeRig } from '../support/whole-life.ts';

const PREPARATION_MS_MAX = 900_000;
const STEP_MS_MAX = 480_000;
/** The rack gathers what it reports. */
const DRAWN_MS_MAX = 10_000;
const PASSWORD = 'correct horse battery';

/** The bars of the newest boot, with their places within the drawing, in pixels. */
const BARS = `[...document.querySelectorAll('.waterfall')].slice(0, 1).flatMap((boot) => [...boot.querySelectorAll('.fall-row')].map((row) => {
  const [room, bar] = ['svg', 'rect:not(.lead)'].map((part) => row.querySelector(part).getBoundingClientRect());
  return { name: row.querySelector('.fall-name').innerText.trim(), from: bar.left - room.left, to: bar.right - room.left, room: room.width };
}))`;
const barsShape = z.array(z.object({ name: z.string(), from: z.number(), to: z.number(), room: z.number() }));

describe('a machine with real firmware, by clicking', {
  skip: missing('chromium', ...LIFE_NEEDS, ...SMALL_SYSTEM.needs, ...bootTreeNeeds()),
}, () => {
  let rig: LifeRig;
  let page: Server | undefined;
  let browser: BrowserPage | undefined;

  before(
    async () => {
      rig = await LifeRig.create({ ...BIOS_LIFE, cpus: 1 }, `rb-page-${process.pid}`);
      page = await startVirtualPage(rig.stateDir, 0);
      browser = await openBrowser();
    },
    { timeout: PREPARATION_MS_MAX },
  );
  after(async () => {
    await browser?.close();
    page?.close();
    await rig?.remove();
  });

  test('it goes from New to Deployed, and each of its boots is drawn', async () => {
    assert.ok(page !== undefined && browser !== undefined);
    await live(rig, browser, new Person(browser, `http://127.0.0.1:${portOf(page)}`));
  });
});

async function live(rig: LifeRig, browser: BrowserPage, ann: Person): Promise<void> {
  const secret = join(rig.directory, 'password');
  writeFileSync(secret, PASSWORD, { mode: 0o600 });
  await rig.rackboot('createadmin', '--username', 'ann', '--password-file', secret);
  await browser.resize(1280, 800);
  await ann.open('/MAAS/');
  await ann.write('User name', 'ann');
  await ann.write('Password', PASSWORD);
  await ann.click('Sign in');
  await ann.sees('Sign out');
  await ann.click('Machines');

  rig.power.ipmitool('chassis', 'power', 'on');
  await ann.sees('.maas', STEP_MS_MAX);
  const { fqdn } = await rig.reaches('New', STEP_MS_MAX);
  await rig.off(STEP_MS_MAX);
  await ann.click(fqdn);
  await ann.isIn('New');
  await ann.click('Boot');
  await ann.sees('went well');
  await drawsBoot(browser, [/^DHCP/, /^HTTP linux$/, /^HTTP initrd\.gz$/, /^New$/]);
  await ann.fits('qemu-new');

  await ann.click('Machines');
  await ann.click(fqdn);
  await ann.click('Accept');
  await ann.click('Accept');
  await ann.isIn('Commissioning');
  await ann.click('Boot');
  await ann.sees('going on', STEP_MS_MAX);
  await ann.fits('qemu-commissioning');
  await ann.isIn('Ready', STEP_MS_MAX);
  await drawsBoot(browser, [/^DHCP/, /^HTTP linux$/, /^HTTP initrd\.gz$/, /^Reports/, /^Ready$/]);
  await ann.fits('qemu-ready');
  await rig.off(STEP_MS_MAX);

  const owner = rig.makeKey('owner');
  await ann.open('/MAAS/account/');
  await ann.write('Public key', readFileSync(`${owner}.pub`, 'utf8').trim());
  await ann.click('Add key');
  await ann.sees('owner@example.net');
  // The page takes no image without a loader of a known system.
  const { path, os, release, architecture } = await SMALL_SYSTEM.image(rig, 'amd64');
  await rig.rackbootOnRack('images', 'add', path, '--os', os, '--release', release, '--arch', architecture);

  await ann.click('Machines');
  await ann.click(fqdn);
  await ann.click('Deploy');
  await ann.sees('tiny/one');
  await ann.click('Deploy');
  await ann.isIn('Deploying');
  const { ip_addresses: addresses } = await rig.reaches('Deploying', STEP_MS_MAX);
  const address = addresses[0] ?? assert.fail('it has no address');
  await SMALL_SYSTEM.report({ life: rig, fqdn, address, diskBytes: BIOS_LIFE.diskBytes, owner, stepMs: STEP_MS_MAX });
  await ann.isIn('Deployed', STEP_MS_MAX);
  await ann.sees(address);
  await ann.fits('qemu-deployed');
  await ann.click('Boot');
  await ann.sees('went well');
  await drawsBoot(browser, [/^DHCP/, /^HTTP ipxe\.cfg$/, /^Reports/, /^Deployed$/]);
  await ann.fits('qemu-deployed-boot');
  assert.deepEqual(browser.complaints, []);
}

/** Waits until the newest boot is drawn with these steps, in this order, and checks that each has a bar within the line of time. */
async function drawsBoot(browser: BrowserPage, steps: readonly RegExp[]): Promise<void> {
  let bars: z.infer<typeof barsShape> = [];
  await eventuallyWithin(DRAWN_MS_MAX, `a boot of ${steps.join(', ')}`, async () => {
    bars = barsShape.parse(await browser.evaluate(BARS));
    const names = bars.map(({ name }) => name);
    let from = 0;
    return steps.every((step) => {
      const at = names.findIndex((name, index) => index >= from && step.test(name));
      from = at + 1;
      return at !== -1;
    });
  });
  for (const { from, to, room } of bars)
    assert.ok(from >= 0 && to > from && to <= room + 1, `a bar is outside: ${JSON.stringify(bars)}`);
}
