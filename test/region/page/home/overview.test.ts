// The overview: what needs a person, each with its remedy, the counts by state, and what is happening now.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instant } from '../../../../src/ground/clock.ts';
import type { Viewer } from '../../../../src/region/page/frame/view.ts';
import { OVERVIEW_PAGE } from '../../../../src/region/page/home/overview.ts';
import { AWAY_AFTER_MS } from '../../../../src/region/records/rack.ts';
import type { Region } from '../../../../src/region/region.ts';
import { countStatements, sumOf, takeTexts } from '../../../support/counted-statements.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { makeRegion, report, withRegion } from '../../place.ts';
import { acceptRack, OTHER_UUID, RACK_UUID, rackInterface } from '../../racks/rack-place.ts';
import { ADMIN, USER, viewOf } from '../view.ts';

const BY = { username: 'admin', isAdmin: true, comment: '' } as const;

async function machine(region: Region, index: number, more: Parameters<typeof report>[1] = {}): Promise<string> {
  const outcome = await region.enlist(report([0x525400000000 + index], { hostname: `m${index}`, ...more }));
  assert.ok(outcome.kind === 'create');
  return outcome.machine.systemId;
}

const pageOf = async (region: Region, viewer: Viewer = ADMIN): Promise<string> =>
  `${await OVERVIEW_PAGE.render(viewOf(region, { viewer }))}`;

/** The text and the buttons of each line of what needs a person. */
const needsIn = (page: string): readonly string[] =>
  [...page.matchAll(/<li class="list-item need .*?<\/li>/g)].map(([item]) =>
    item
      .replaceAll(/<input[^>]*>/g, '')
      .replaceAll(/<(?:a|button) [^>]*class="button[^>]*>|<button class="button[^>]*>/g, ' [')
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );

test('without machines it says what to do first; a user is sent to no page that only administrators change', () =>
  withRegion(async ({ region }) => {
    assert.match(
      await pageOf(region),
      /No machines yet.*<code>sudo rackboot doctor<\/code>.*href="\/MAAS\/networks\/">.*href="\/MAAS\/images\/">/s,
    );
    assert.doesNotMatch((await pageOf(region, USER)).replace(/<header>.*<\/header>/s, ''), /href="\/MAAS\/networks\/"/);
  }));

test('if nothing needs a person it says so, and counts the machines by state', () =>
  withRegion(async ({ region }) => {
    await region.life.command(await machine(region, 1), { name: 'accept', skipsCommissioning: true }, BY);
    const page = await pageOf(region);
    assert.deepEqual(needsIn(page), []);
    assert.match(page, /class="sheet note calm"/);
    assert.match(page, /href="\/MAAS\/machines\/\?status=ready"><b>1<\/b>/);
  }));

test('a broken machine, one that waits for somebody, and a new one each need a person, with the remedy', () =>
  withRegion(async ({ region }) => {
    await region.life.command(await machine(region, 1), { name: 'mark-broken' }, { ...BY, comment: 'its fan is loud' });
    const waiting = await machine(region, 2);
    await region.life.command(waiting, { name: 'accept' }, BY);
    await machine(region, 3);
    const page = await pageOf(region);
    assert.deepEqual(needsIn(page), [
      'm1.maas Broken Its fan is loud [Mark as fixed',
      'm2.maas Commissioning Waiting to be switched on. Press its power button, with the network first in its boot order. [Set its power driver',
      '1 new machine Reported for the first time; accept those that you want to use. [Accept 1 new machine',
    ]);
    assert.ok(page.includes(`href="/MAAS/machines/${waiting}/power/"`));
    assert.ok(!page.includes('Happening now'), 'a machine that waits is not at work');
    assert.deepEqual(needsIn(await pageOf(region, USER)), [
      'm1.maas Broken Its fan is loud',
      'm2.maas Commissioning Waiting to be switched on. Press its power button, with the network first in its boot order.',
    ]);
    const done = await OVERVIEW_PAGE.act?.(viewOf(region, { viewer: USER }));
    assert.ok(done?.kind === 'refusal');
  }));

test('of many machines with a problem the first are listed, and a link leads to all', () =>
  withRegion(
    async ({ region }) => {
      for (let index = 1; index <= 13; index += 1)
        await region.life.command(await machine(region, index), { name: 'mark-broken' }, BY);
      const needs = needsIn(await pageOf(region));
      assert.deepEqual([needs.length, needs.at(-1)], [11, '3 more machines have a problem [Show them']);
    },
    { newMachinesMax: 100 },
  ));

test('of many machines that wait the first are listed, and the rest is counted right', () =>
  withRegion(
    async ({ region }) => {
      for (let index = 1; index <= 53; index += 1)
        await region.life.command(await machine(region, index), { name: 'accept' }, BY);
      const page = await pageOf(region);
      const needs = needsIn(page);
      assert.deepEqual([needs.length, needs.at(-1)], [11, '43 more machines wait for somebody [Show them']);
      assert.ok(!page.includes('Happening now'));
    },
    { newMachinesMax: 100 },
  ));

test('sources that an import could not use are one line with details; a single one is a line itself', () =>
  withRegion(async ({ region, store }) => {
    const names = ['one', 'two', 'three'];
    const reason = { code: 'said', params: { said: 'no route' } } as const;
    const needs = async (count: number) => {
      const skipped = names.slice(0, count).map((name) => ({ name, reason }));
      await store.boot.changeRun({ askedMs: 1, begunMs: 2, endedMs: 3, skipped });
      return [...(await pageOf(region)).matchAll(/<li class="list-item need amber-edge">.*?<\/li>/gs)].map(
        ([one]) => one,
      );
    };
    const [alone, ...others] = await needs(1);
    assert.deepEqual(others, []);
    assert.match(alone ?? '', /href="\/MAAS\/images\/">one</);
    const [folded, ...more] = await needs(3);
    assert.deepEqual(more, []);
    assert.match(folded ?? '', /<details id="not-imported">.*one.*two.*three.*<\/details>/s);
  }));

test('a silent rack needs a person', () =>
  withRegion(async ({ region, clock, store }) => {
    await region.life.command(await machine(region, 1), { name: 'accept', skipsCommissioning: true }, BY);
    const own = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    await acceptRack(region);
    await store.racks.change((all) => {
      const seenMs = clock.wallTimeMs() - AWAY_AFTER_MS - 60_000;
      return {
        put: all.filter(({ uuid }) => uuid === RACK_UUID).map((rack) => ({ ...rack, seenMs })),
        events: [],
        result: undefined,
      };
    });
    await region.racks.refresh();
    const [rack = '', ...others] = needsIn(await pageOf(region));
    assert.match(rack, /^rack-2 /);
    assert.deepEqual(others, []);
  }));

/** Each look at it takes a millisecond, so that reading takes time. */
class TickingClock extends VirtualClock {
  override now(): Instant {
    this.advance(1);
    return super.now();
  }
}

test('a refresh soon after another does not read again which addresses are taken; a later one does', async () => {
  const clock = new TickingClock();
  const place = await makeRegion({}, 1, undefined, { clock });
  const end = countStatements();
  try {
    const { region } = place;
    await acceptRack(region, { interfaces: [rackInterface()] });
    const statementsOf = async (): Promise<number> => {
      takeTexts();
      await pageOf(region);
      return sumOf(takeTexts());
    };
    await statementsOf();
    const soon = await statementsOf();
    clock.advance(500);
    const later = await statementsOf();
    // Three for the addresses, and two of the index of machines.
    assert.equal(later - soon, 5, `${soon} and ${later} statements`);
  } finally {
    end();
    await place.remove();
  }
});
