// A boot that failed is seen without a search for it: on the machine's page, in its row, and on the overview.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { MACHINE_PAGE } from '../../../../src/region/page/machines/machine-page.ts';
import { MACHINES_PAGE } from '../../../../src/region/page/machines/machines-page.ts';
import type { Region } from '../../../../src/region/region.ts';
import { report, withRegion } from '../../place.ts';
import { bootReports, GOOD_BOOT, STALLED_BOOT } from '../boot-reports.ts';
import { ADMIN, viewOf } from '../view.ts';

const MAC = '52:54:00:00:00:01';
const BY = { username: 'admin', isAdmin: true, comment: '' } as const;

async function commissioned(region: Region): Promise<string> {
  const outcome = await region.enlist(report([0x525400000001], { hostname: 'web1' }));
  assert.ok(outcome.kind === 'create');
  const { systemId } = outcome.machine;
  await region.life.command(systemId, { name: 'accept' }, BY);
  return systemId;
}

/** The state on the machine's page, the list, and what needs somebody and happens on the overview. */
async function placesOf(region: Region, machine: string) {
  const overview = `${await OVERVIEW_PAGE.render(viewOf(region, { viewer: ADMIN }))}`;
  const page = `${await MACHINE_PAGE.render(viewOf(region, { viewer: ADMIN, path: { machine } }))}`;
  return {
    head: /<div id="state".*?<div id="actions">/s.exec(page)?.[0] ?? '',
    list: `${await MACHINES_PAGE.render(viewOf(region, { viewer: ADMIN }))}`,
    needs: /<div id="needs">.*?<div id="steps">/s.exec(overview)?.[0] ?? '',
    now: /<div id="now">.*?<div id="strangers">/s.exec(overview)?.[0] ?? '',
  };
}

test('a boot that failed is seen with its reason and the way to it on the page, in the list and on the overview', () =>
  withRegion(async ({ region, clock }) => {
    const systemId = await commissioned(region);
    clock.advance(1000);
    await region.observe(bootReports(STALLED_BOOT, region.clock.wallTimeMs(), 1, MAC));
    clock.advance(30_000);
    const { head, list, needs, now } = await placesOf(region, systemId);
    const boot = `/MAAS/machines/${systemId}/boot/`;
    assert.match(head, new RegExp(`<div class="alert red">.*halfway.*href="${boot}"`, 's'));
    assert.match(list, new RegExp(`class="pill red" href="${boot}".*halfway`, 's'));
    assert.match(needs, new RegExp(`need red-edge.*halfway.*class="button[^"]*" href="${boot}"`, 's'));
    assert.equal(now.includes('web1'), false, 'it does not go on by itself');
  }));

test('a boot without an end is seen once its machine has been silent for minutes, and in amber', () =>
  withRegion(async ({ region, clock }) => {
    const systemId = await commissioned(region);
    clock.advance(1000);
    await region.observe(bootReports(GOOD_BOOT.slice(0, 11), region.clock.wallTimeMs(), 1, MAC));
    clock.advance(60_000);
    const soon = await placesOf(region, systemId);
    assert.ok(!soon.needs.includes('web1') && soon.now.includes('web1'));
    clock.advance(300_000);
    const { head, list, needs, now } = await placesOf(region, systemId);
    assert.match(head, /<div class="alert amber">.*boot-initrd/s);
    assert.match(list, /class="pill amber" href="[^"]*boot\/"/);
    assert.match(needs, /need amber-edge.*web1/s);
    assert.ok(!now.includes('web1'));
  }));

test('a later boot that goes on, and a failure from before the work, are no failed boots', () =>
  withRegion(async ({ region, clock }) => {
    const outcome = await region.enlist(report([0x525400000001], { hostname: 'web1' }));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await region.observe(bootReports(STALLED_BOOT, region.clock.wallTimeMs(), 1, MAC));
    clock.advance(60_000);
    assert.match((await placesOf(region, systemId)).head, /class="alert red"/);
    await region.life.command(systemId, { name: 'accept' }, BY);
    const waits = await placesOf(region, systemId);
    assert.doesNotMatch(waits.head + waits.needs, /halfway/);
    clock.advance(1000);
    await region.observe(bootReports(STALLED_BOOT, region.clock.wallTimeMs(), 100, MAC));
    clock.advance(200_000);
    await region.observe(bootReports(GOOD_BOOT.slice(0, 4), region.clock.wallTimeMs(), 200, MAC));
    clock.advance(3000);
    const { head, list, needs } = await placesOf(region, systemId);
    assert.doesNotMatch(head, /class="alert red"/);
    assert.doesNotMatch(list, /pill red/);
    assert.ok(!needs.includes('web1'));
  }));

test('a machine whose work failed says also what its last boot came to', () =>
  withRegion(async ({ region, clock }) => {
    const systemId = await commissioned(region);
    clock.advance(1000);
    await region.observe(bootReports(STALLED_BOOT, region.clock.wallTimeMs(), 1, MAC));
    await region.observe(bootReports(GOOD_BOOT.slice(0, 2), region.clock.wallTimeMs() + 25_000, 100, MAC));
    clock.advance(1_300_000);
    await region.life.endOverdue();
    assert.equal((await region.store.findMachine(systemId))?.status, 'failed-commissioning');
    const { head } = await placesOf(region, systemId);
    assert.match(head, /<div class="alert red">.*class="remedy">.*DHCP/s);
  }));
