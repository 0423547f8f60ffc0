// The list of machines: its order, searches, progress, and machines that wait for an operator.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { mac } from '../../../../src/ground/address.ts';
import { JsonText, type ListToSend, renderRefusalBody } from '../../../../src/region/api/call/answer.ts';
import { operate } from '../../../../src/region/page/frame/view.ts';
import { SIZES } from '../../../../src/region/page/machines/machine-query.ts';
import { renderPage } from '../../../../src/region/page/machines/machines-page.ts';
import { EVENTS_PAGE } from '../../../../src/region/page/racks/events-page.ts';
import type { MachineEvent } from '../../../../src/region/records/machine-event.ts';
import type { Region } from '../../../../src/region/region.ts';
import { report, withRegion } from '../../place.ts';
import { acceptRack, OTHER_UUID, rackInterface } from '../../racks/rack-place.ts';
import { ADMIN, USER, viewOf } from '../view.ts';

const BY = { username: 'alice', isAdmin: true, comment: '' };

async function makeMachines(
  region: Region,
): Promise<Readonly<Record<'fresh' | 'held' | 'broken' | 'waiting', string>>> {
  const make = async (index: number, hostname: string) => {
    const outcome = await region.enlist(report([0x525400000000 + index], { hostname }));
    assert.ok(outcome.kind === 'create');
    return outcome.machine.systemId;
  };
  const ids = {
    held: await make(1, 'held1'),
    fresh: await make(2, 'fresh1'),
    broken: await make(3, 'broken1'),
    waiting: await make(4, 'waits1'),
  };
  await region.life.command(ids.held, { name: 'accept', skipsCommissioning: true }, BY);
  await region.life.command(ids.held, { name: 'allocate' }, BY);
  await region.life.command(ids.broken, { name: 'mark-broken' }, { ...BY, comment: 'its fan is loud' });
  await region.life.command(ids.waiting, { name: 'accept' }, BY);
  return ids;
}

const namesIn = (page: string): readonly string[] =>
  [...page.matchAll(/<div class="name"><a [^>]+>(\w+)\.maas</g)].map(([, name = '']) => name);

const SEARCHES: readonly (readonly [query: Readonly<Record<string, string>>, found: readonly string[]])[] = [
  [{}, ['broken1', 'fresh1', 'waits1', 'held1']],
  [{ q: 'FRESH' }, ['fresh1']],
  [{ q: '52:54:00:00:00:03' }, ['broken1']],
  [{ q: 'alice' }, ['held1']],
  [{ owner: 'alice' }, ['held1']],
  [{ owner: 'nobody' }, []],
  [{ status: 'problem' }, ['broken1']],
  [{ status: 'work' }, ['waits1']],
  [{ status: 'new' }, ['fresh1']],
  [{ status: 'no such state' }, ['broken1', 'fresh1', 'waits1', 'held1']],
  [{ q: '"><script>' }, []],
];

test('machines with a problem come first, then new ones; a search narrows the list', () =>
  withRegion(async ({ region }) => {
    await makeMachines(region);
    for (const [fields, found] of SEARCHES) {
      const query = new Map(Object.entries(fields).map(([name, value]) => [name, [value]] as const));
      const page = `${await renderPage(viewOf(region, { viewer: USER, query }))}`;
      assert.deepEqual(namesIn(page), found, JSON.stringify(fields));
      assert.ok(!page.includes('"><script>'));
      if (found.length === 0) assert.match(page, /None of the 4 machines matches\./);
    }
  }));

/** The entries of a list, read from their text. */
async function entriesOf({ entries }: ListToSend): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (let entry = await entries.next(); entry.done !== true; entry = await entries.next())
    if (entry.value instanceof JsonText) found.push(JSON.parse(entry.value.text + entry.value.rest.toString('utf8')));
    else if (entry.value !== undefined) found.push(z.record(z.string(), z.unknown()).parse(entry.value));
  return found;
}

test("the page's search parameters select the same machines in the API", () =>
  withRegion(async ({ region }) => {
    await makeMachines(region);
    for (const [fields, found] of SEARCHES) {
      const answer = await operate(viewOf(region, { viewer: USER }), 'GET machines', {}, fields);
      if (fields.status === 'no such state') {
        assert.equal(answer.kind, 'refusal', 'the API refuses an unknown state');
        continue;
      }
      assert.ok(answer.kind === 'list');
      const names = (await entriesOf(answer)).map(({ hostname }) => String(hostname));
      assert.deepEqual(names.toSorted(), found.toSorted(), JSON.stringify(fields));
    }
  }));

test('with several racks a machine shows its own, and both page and API search by rack', () =>
  withRegion(async ({ region, clock }) => {
    await makeMachines(region);
    const page = async (fields: Readonly<Record<string, string>> = {}) => {
      const query = new Map(Object.entries(fields).map(([name, value]) => [name, [value]] as const));
      return `${await renderPage(viewOf(region, { viewer: USER, query }))}`;
    };
    const own = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    const at = clock.wallTimeMs();
    await region.observe([
      { sequence: 1, kind: 'dhcp.ack', at, mac: '52:54:00:00:00:01', address: '10.20.0.150', text: 'Took an address' },
    ]);
    assert.doesNotMatch(await page(), /rack-1|name="rack"/, 'a single rack is not shown');
    await acceptRack(region);
    const both = await page();
    assert.match(both, /<select name="rack"/);
    assert.equal(both.match(/<a href="\/MAAS\/machines\/\?rack=rack-1">rack-1<\/a>/g)?.length, 1);
    assert.deepEqual(namesIn(await page({ rack: 'rack-1' })), ['held1']);
    assert.deepEqual(namesIn(await page({ rack: 'rack-2' })), []);
    assert.deepEqual(namesIn(await page({ rack: 'rack-1', status: 'new' })), []);

    const list = (rack: string) => operate(viewOf(region, { viewer: USER }), 'GET machines', {}, { rack });
    const found = await list('rack-1');
    assert.ok(found.kind === 'list');
    const listed = (await entriesOf(found)).map(({ hostname, rack_names: racks }) => [hostname, racks]);
    assert.deepEqual(listed, [['held1', ['rack-1']]]);
    const refused = await list('rack-9');
    assert.ok(refused.kind === 'refusal');
    assert.match(
      JSON.stringify(renderRefusalBody(refused)),
      /No rack is called 'rack-9'\. Did you mean rack-.*`rackboot racks list`/,
    );
  }));

test('the owner column appears if a machine has an owner, who links to all machines of the same owner', () =>
  withRegion(async ({ region }) => {
    const { held } = await makeMachines(region);
    assert.match(
      `${await renderPage(viewOf(region))}`,
      /<th class="owner">.*<a href="\/MAAS\/machines\/\?owner=alice"/s,
    );
    const query = new Map([['owner', ['alice']]]);
    assert.match(
      `${await renderPage(viewOf(region, { viewer: ADMIN, query }))}`,
      /<option value="alice" selected>alice \(1\)<\/option>/,
    );
    await region.life.command(held, { name: 'release' }, BY);
    assert.doesNotMatch(`${await renderPage(viewOf(region))}`, /<th class="owner">/);
  }));

test('a problem is shown with its reason, and a machine without a power driver waits to be switched on', () =>
  withRegion(async ({ region }) => {
    await makeMachines(region);
    const page = `${await renderPage(viewOf(region))}`;
    assert.match(page, /<div class="why">Its fan is loud<\/div>/);
    assert.match(page, /waiting to be switched on/);
    assert.ok(!page.includes('<progress'), 'a waiting machine has no progress bar');
  }));

test('only an administrator gets the button that accepts all new machines', () =>
  withRegion(async ({ region }) => {
    await makeMachines(region);
    for (const [viewer, isOffered] of [
      [ADMIN, true],
      [USER, false],
    ] as const) {
      const page = `${await renderPage(viewOf(region, { viewer }))}`;
      assert.equal(page.includes('Accept 1 new machine<'), isOffered);
    }
  }));

test('rendering many machines yields to the event loop', () =>
  withRegion(
    async ({ region }) => {
      const size = Math.max(...SIZES);
      for (let index = 0; index < size + 5; index += 1) {
        await region.enlist(report([0x525400100000 + index], { hostname: `m${index}` }));
      }
      let rounds = 0;
      let isDone = false;
      const count = () => {
        rounds += 1;
        if (!isDone) setImmediate(count);
      };
      setImmediate(count);
      const page = `${await renderPage(viewOf(region, { query: new Map([['size', [String(size)]]]) }))}`;
      isDone = true;
      assert.equal(namesIn(page).length, size);
      assert.ok(rounds >= 10, `${rounds} rounds of the event loop`);
    },
    { newMachinesMax: 1000 },
  ));

test("an event from a remote rack names the rack: as the subject of the rack's own event, after the text of a machine's", (context) =>
  withRegion(async ({ region }) => {
    await region.enlist(report([0x525400000001]));
    const event = { id: 1, atMs: 0, type: 'NODE_RACK_EVENT', level: 'error', username: '', rack: 'rack-2' } as const;
    const said = (text: string) => ({ code: 'rack', params: { text } }) as const;
    const away = { ...event, kind: 'region.away', ...said('The region does not answer since …') };
    let logged: MachineEvent = away;
    context.mock.method(region.store, 'listEvents', async () => [logged]);
    const lineOf = async (one: MachineEvent) => {
      logged = one;
      const page = `${await EVENTS_PAGE.render(viewOf(region))}`;
      const [, who = '', what = ''] =
        /<span class="who">(.*?)<\/span>\s*<span class="kind.*?<\/span>\s*<span class="what error">(.*?)<\/span>/.exec(
          page,
        ) ?? assert.fail(page);
      return `${who.replace(/<\/?a\b[^>]*>/g, '')}: ${what}`;
    };
    assert.equal(await lineOf(away), 'rack-2: The region does not answer since …');
    assert.match(await lineOf({ ...away, rack: '<b>' }), /^&lt;b&gt;: /);
    assert.match(await lineOf({ ...away, rack: '' }), /^a rack that was removed: /);
    assert.doesNotMatch(await lineOf({ ...away, rack: undefined }), /rack/);
    const offer = { ...event, kind: 'dhcp.offer', ...said('Offered') };
    const stranger = mac(0x525400000001);
    assert.equal(await lineOf({ ...offer, stranger }), '52:54:00:00:00:01: Offered (rack-2)');
    assert.equal(await lineOf({ ...offer, systemId: 'abc', hostname: 'calm-ibis' }), 'calm-ibis: Offered (rack-2)');
  }));
