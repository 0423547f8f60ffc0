// Actions on many machines: what their preview says, whom it leaves out, and the run with its result.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EMPTY } from '../../../../src/region/api/call/answer.ts';
import { parseTargetQuery } from '../../../../src/region/api/call/form-body.ts';
import { type Outcome, operate, type View, type Viewer } from '../../../../src/region/page/frame/view.ts';
import { MANY_PAGES } from '../../../../src/region/page/machines/many-pages.ts';
import { getManyRuns } from '../../../../src/region/page/machines/many-runs.ts';
import type { Region } from '../../../../src/region/region.ts';
import { report, withRegion } from '../../place.ts';
import { ADMIN, addViewer, USER, viewOf } from '../view.ts';

const BY = { username: 'alice', isAdmin: true, comment: '' };
const PREVIEW = MANY_PAGES[0] ?? assert.fail('no preview');
const RUN = MANY_PAGES[1] ?? assert.fail('no run');

/** Machines in several states: two that are Ready, one of alice, one that is locked, one that is New. */
async function furnish(region: Region): Promise<Readonly<Record<string, string>>> {
  const ids: Record<string, string> = {};
  for (const [index, hostname] of ['ready1', 'ready2', 'hers', 'locked', 'fresh'].entries()) {
    const outcome = await region.enlist(report([0x525400000001 + index], { hostname }));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    ids[hostname] = systemId;
    if (hostname !== 'fresh') await region.life.command(systemId, { name: 'accept', skipsCommissioning: true }, BY);
  }
  await region.life.command(ids.hers ?? '', { name: 'allocate' }, BY);
  await region.store.changeMachine<never>(ids.locked ?? '', 1, () => ({
    kind: 'change',
    fields: { isLocked: true },
    events: [],
  }));
  return ids;
}

const preview = async (region: Region, query: string, viewer: Viewer = ADMIN): Promise<string> =>
  `${await PREVIEW.render(viewOf(region, { viewer, query: parseTargetQuery(`?${query}`) }))}`;

const chosenIn = (page: string): readonly string[] =>
  (/name="machines" value="([^"]*)"/.exec(page)?.[1] ?? '').split(' ').filter((id) => id !== '');

const send = async (
  region: Region,
  fields: Readonly<Record<string, string>>,
  viewer: Viewer = ADMIN,
): Promise<{ readonly outcome: Outcome; readonly view: View }> => {
  const given = new Map(Object.entries(fields).map(([name, value]) => [name, [value]] as const));
  const view = viewOf(region, { viewer, form: given });
  return { outcome: await PREVIEW.act?.(view), view };
};

/** The page of a run, once it has ended. */
async function resultOf(region: Region, outcome: Outcome, viewer: Viewer = ADMIN): Promise<string> {
  assert.ok(outcome?.kind === 'done', JSON.stringify(outcome));
  const run = outcome.to.split('/').at(-2) ?? '';
  for (let turn = 0; turn < 10_000; turn += 1) {
    const page = `${await RUN.render(viewOf(region, { viewer, path: { run } }))}`;
    if (!page.includes('data-at-work')) return page;
    await nextTurn();
  }
  assert.fail('it does not end');
}

test('a preview counts who takes part, and says why each of the others is left out', () =>
  withRegion(async ({ region }) => {
    const ids = await furnish(region);
    const page = await preview(region, 'which=all&action=allocate&query=');
    assert.deepEqual(chosenIn(page).toSorted(), [ids.ready1, ids.ready2].toSorted());
    for (const text of [
      'Allocate: 2 machines',
      '2 of 5 take part; 3 are left out',
      '1 is Allocated, where this is not possible',
      '1 is New, where this is not possible',
      '1 is locked',
    ])
      assert.ok(page.includes(text), text);
  }));

test('a choice is what was ticked, what the page shows, or all that match the filters', () =>
  withRegion(async ({ region }) => {
    const ids = await furnish(region);
    const one = ids.ready1 ?? '';
    assert.deepEqual(chosenIn(await preview(region, `which=ticked&action=lock&query=&machine=${one}`)), [one]);
    const matching = encodeURIComponent('?q=ready');
    assert.equal(chosenIn(await preview(region, `which=all&action=lock&query=${matching}`)).length, 2);
    assert.equal(chosenIn(await preview(region, `which=page&action=lock&query=${matching}`)).length, 2);
    for (const query of ['which=ticked&action=lock&query=', 'which=all&action=nonsense&query=', ''])
      assert.equal((await preview(region, query)).includes('<form method="post" action="/MAAS/machines/many/"'), false);
  }));

test('a user may act on their own machines, and a machine of another is left out', () =>
  withRegion(async ({ region }) => {
    const ids = await furnish(region);
    const page = await preview(region, 'which=all&action=release&query=', USER);
    assert.deepEqual(chosenIn(page), [ids.hers]);
    assert.ok(page.includes('not yours, so only an administrator may do this'));
    assert.deepEqual(chosenIn(await preview(region, 'which=all&action=delete&query=', USER)), []);
    const { outcome } = await send(region, { action: 'mark-broken', machines: String(ids.ready1), query: '' }, USER);
    assert.ok(outcome?.kind === 'refusal', 'a form that names the machine of another changes nothing');
  }));

test('an action does what was previewed, with its fields, and lists what was refused', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const ids = await furnish(region);
    const machines = [ids.ready1, ids.ready2, ids.fresh].join(' ');
    const { outcome } = await send(region, { action: 'mark-broken', machines, query: '?q=r', comment: 'the fans' });
    const page = await resultOf(region, outcome);
    assert.match(page, /Done for 3/);
    assert.match(page, /href="\/MAAS\/machines\/\?q=r"/);
    for (const name of ['ready1', 'ready2', 'fresh']) {
      const machine = await store.findMachine(ids[name] ?? '');
      assert.equal(machine?.status, 'broken', name);
      assert.deepEqual(machine?.statusReason, { code: 'said', params: { text: 'the fans' } });
    }
    assert.equal((await store.findMachine(ids.hers ?? ''))?.status, 'allocated', 'what was not chosen stays');
  }));

test('each machine is judged again by the operation, and a refusal stops nothing', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const ids = await furnish(region);
    const machines = [ids.ready1, ids.ready2].join(' ');
    const { outcome } = await send(region, { action: 'deploy', machines, query: '', distro_series: 'debian/trixie' });
    const page = await resultOf(region, outcome);
    assert.match(page, /Done for 0 · Refused for 2/);
    assert.match(page, />ready1<.*class="why">/s);
    assert.equal((await store.findMachine(ids.ready1 ?? ''))?.status, 'ready');
  }));

test('a run acts with the rights that its user has at each machine', () =>
  withRegion(async ({ region, store }) => {
    const ids = await furnish(region);
    const fields = { action: 'mark-broken', machines: String(ids.hers), query: '' };
    assert.match(await resultOf(region, (await send(region, fields)).outcome), /Done for 0 · Refused for 1/, 'removed');
    await store.accounts.addUser({ username: 'admin', email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
    assert.match(await resultOf(region, (await send(region, fields)).outcome), /Done for 0 · Refused for 1/, 'demoted');
    assert.equal((await store.findMachine(ids.hers ?? ''))?.status, 'allocated');
  }));

test('the forms of one machine are those of many, but for what only one can have', () =>
  withRegion(async ({ region }) => {
    const ids = await furnish(region);
    const many = await preview(region, 'which=all&action=deploy&query=');
    const one = await preview(region, `which=ticked&action=deploy&query=&machine=${ids.ready1}`);
    for (const name of ['distro_series', 'user_data', 'comment'])
      assert.ok(many.includes(`name="${name}"`) && one.includes(`name="${name}"`), name);
    for (const name of ['ip_address', 'disk']) {
      assert.equal(many.includes(`name="${name}"`), false, name);
      assert.equal(one.includes(`name="${name}"`), true, name);
    }
    assert.match(await preview(region, 'which=all&action=power-off&query='), /name="manner"/);
    assert.match(await preview(region, 'which=all&action=delete&query='), /name="force"/);
  }));

test('many machines are put into a zone, a pool or a domain, which their preview offers', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const ids = await furnish(region);
    const admin = viewOf(region, { viewer: ADMIN });
    await operate(admin, 'POST zones', {}, { name: 'hall-2' });
    await operate(admin, 'POST resourcepools', {}, { name: 'builders' });
    await operate(admin, 'POST domains', {}, { name: 'lab.example' });
    const machines = [ids.ready1, ids.fresh].join(' ');
    for (const [field, value] of [
      ['zone', 'hall-2'],
      ['pool', 'builders'],
      ['domain', 'lab.example'],
    ] as const) {
      const page = await preview(region, `which=all&action=set-${field}&query=`);
      assert.equal(chosenIn(page).length, 5);
      assert.match(page, new RegExp(`<select[^>]* name="${field}".*<option value="${value}">`, 's'));
      const { outcome } = await send(region, { action: `set-${field}`, machines, query: '', [field]: value });
      assert.match(await resultOf(region, outcome), /Done for 2/);
    }
    for (const name of ['ready1', 'fresh', 'ready2']) {
      const machine = await store.findMachine(ids[name] ?? '');
      const expected = name === 'ready2' ? [undefined, undefined, 'maas'] : ['hall-2', 'builders', 'lab.example'];
      assert.deepEqual([machine?.zone?.name, machine?.pool?.name, machine?.domain], expected, name);
    }
    assert.equal((await preview(region, 'which=all&action=set-zone&query=', USER)).includes('name="zone"'), false);
  }));

test('only who started a run sees it, and a run that is not known says so', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const ids = await furnish(region);
    const { outcome } = await send(region, { action: 'lock', machines: String(ids.ready1), query: '' });
    assert.match(await resultOf(region, outcome), /Done for 1/);
    assert.match(await resultOf(region, outcome, USER), /does not know this action/);
    assert.equal((await store.findMachine(ids.ready1 ?? ''))?.isLocked, true);
  }));

test('a user has at most four runs: an ended one makes room, and one under way does not', () =>
  withRegion(async ({ region }) => {
    const runs = getManyRuns(region);
    const target = [{ systemId: 'aaaaaa', hostname: 'one' }];
    const wanted = (username: string) => ({ username, label: 'Lock', query: '' });
    let release = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => {
      release = resolve;
    });
    const act = async () => {
      await isHeld;
      return EMPTY;
    };
    const started = [1, 2, 3, 4].map(() => runs.start(wanted('ann'), target, act));
    assert.equal(runs.start(wanted('ann'), target, act), undefined, 'all of hers are under way');
    assert.ok(runs.start(wanted('bob'), target, act) !== undefined, 'another user notices nothing');
    release();
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    assert.deepEqual(
      started.map((run) => [run?.state, run?.done]),
      Array.from({ length: 4 }, () => ['ended', 1]),
    );
    assert.ok(runs.start(wanted('ann'), target, act) !== undefined);
    assert.equal(runs.find(started[0]?.id ?? '', 'ann'), undefined, 'her oldest made room');
  }));

test('a run that the store fails says where it stopped', () =>
  withRegion(async ({ region }) => {
    const act = async () => {
      throw new Error('the disk is full');
    };
    const target = [{ systemId: 'aaaaaa', hostname: 'one' }];
    const run = getManyRuns(region).start({ username: 'admin', label: 'Lock', query: '' }, target, act);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    const page = `${await RUN.render(viewOf(region, { viewer: ADMIN, path: { run: run?.id ?? '' } }))}`;
    assert.match(page, /role="alert".*the disk is full/s);
  }));
