// The page of all events: what a filter chooses, in pages and at a moment, and the same as a file.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXAMINED_IDS, searchEvents } from '../../../../src/region/api/site/event-pieces.ts';
import type { View } from '../../../../src/region/page/frame/view.ts';
import { EVENTS_EXPORT, EVENTS_PAGE } from '../../../../src/region/page/racks/events-page.ts';
import type { MachineEvent } from '../../../../src/region/records/machine-event.ts';
import { countStatements, sumOf, takeTexts } from '../../../support/counted-statements.ts';
import { type RegionPlace, withRegion } from '../../place.ts';
import { ADMIN, viewOf } from '../view.ts';

const view = ({ region }: RegionPlace, query: Readonly<Record<string, string>>, more: Partial<View> = {}) =>
  viewOf(region, { query: new Map(Object.entries(query).map(([name, value]) => [name, [value]])), ...more });

async function show(place: RegionPlace, query: Readonly<Record<string, string>> = {}, more: Partial<View> = {}) {
  const shown = await EVENTS_PAGE.render(view(place, query, more));
  return (shown ?? assert.fail('no page')).toString();
}

const idsIn = (text: string): readonly number[] => [...text.matchAll(/<li id="e(\d+)"/g)].map(([, id]) => Number(id));

/** Adds an event of a person, whose text is the one given. @returns its id */
async function happen({ store, clock }: RegionPlace, text: string, more: object = {}): Promise<number> {
  const by = { atMs: clock.wallTimeMs(), username: 'alice' };
  await store.recordEvent({ type: 'SETTINGS', code: 'rack', params: { text }, ...by, ...more }, undefined);
  return (await store.eventRange()).newest;
}

test('an empty log teaches, and a filter that finds nothing says so', () =>
  withRegion(async (place) => {
    assert.match(await show(place), /Nothing has happened yet/);
    await happen(place, 'one');
    const text = await show(place, { q: 'absent' });
    assert.match(text, /No event matches/);
    assert.doesNotMatch(text, /Nothing has happened/);
  }));

test('each filter chooses its events: level, kind, user, text and time', () =>
  withRegion(async (place) => {
    const old = await happen(place, 'red door', { atMs: Date.UTC(2020, 0, 1, 12) });
    const warning = await happen(place, 'blue door', { type: 'RACK_AWAY', level: 'warning', username: 'bert' });
    const debug = await happen(place, 'small talk', { type: 'NODE_DHCP_EVENT', level: 'debug', username: '' });
    const found = async (query: Readonly<Record<string, string>>) => idsIn(await show(place, query));
    assert.deepEqual(await found({}), [warning, old]);
    assert.deepEqual(await found({ level: 'all' }), [debug, warning, old]);
    assert.deepEqual(await found({ level: 'warning' }), [warning]);
    assert.deepEqual(await found({ kind: 'SETTINGS' }), [old]);
    assert.deepEqual(await found({ user: 'bert' }), [warning]);
    assert.deepEqual(await found({ q: 'DOOR' }), [warning, old]);
    assert.deepEqual(await found({ until: '2020-01-01T12:00' }), [old]);
    assert.deepEqual(await found({ since: '2020-01-01T12:01' }), [warning]);
    assert.deepEqual(await found({ since: 'yesterday', kind: 'no such kind' }), [warning, old]);
  }));

test('a rack has what it reported, and what the region says of it', () =>
  withRegion(async (place) => {
    const params = { rack: 'hall-2', heardMs: 1 };
    const away = await happen(place, '', { type: 'RACK_AWAY', code: 'rack-away', params, username: '' });
    await happen(place, 'of nobody');
    assert.deepEqual(idsIn(await show(place, { rack: 'hall-2' })), [away]);
    assert.deepEqual(idsIn(await show(place, { rack: 'hall-3' })), []);
  }));

test('pages continue where the one before ended, and a moment is shown with what followed it', () =>
  withRegion(async (place) => {
    const ids: number[] = [];
    for (let number = 0; number < 160; number += 1) ids.push(await happen(place, `step ${number}`));
    const first = await show(place);
    assert.equal(idsIn(first).length, 100);
    assert.match(first, /class="fresh"/);
    const before = /before=(\d+)"/.exec(first)?.[1] ?? assert.fail('no older page');
    const second = await show(place, { before });
    assert.deepEqual([...idsIn(first), ...idsIn(second)], ids.toReversed());
    assert.doesNotMatch(second, /class="fresh"/);
    const at = ids[50] ?? 0;
    const moment = idsIn(await show(place, { at: String(at) }));
    assert.ok(moment.includes(at) && moment.includes(ids[60] ?? 0) && !moment.includes(ids[120] ?? 0));
  }));

test('a search ends at its bound, and says where it continues', () =>
  withRegion(async (place) => {
    for (let number = 0; number <= EXAMINED_IDS; number += 1) await happen(place, number === 0 ? 'needle' : 'hay');
    const range = await place.store.eventRange();
    const needle = { isWanted: (event: MachineEvent) => Reflect.get(event.params, 'text') === 'needle' };
    const searched = async (before: number | undefined) => {
      const steps = searchEvents(place.store, { limit: 10, before }, range, needle, 1);
      for (;;) {
        const step = await steps.next();
        if (step.done === true) return step.value;
      }
    };
    const first = await searched(undefined);
    assert.deepEqual(first.events, []);
    assert.ok(first.next !== undefined && first.next <= range.newest);
    const second = await searched(first.next);
    assert.deepEqual([second.events.length, second.next], [1, undefined]);
  }));

test('hostile texts stay texts, on the page and in the file', () =>
  withRegion(async (place) => {
    await happen(place, '=HYPERLINK("http://evil.example","x") <script>alert(1)</script>');
    const page = await show(place, { q: '"><img src=x>' });
    assert.doesNotMatch(page, /<img/);
    assert.doesNotMatch(await show(place), /<script>alert/);
    const file = await EVENTS_EXPORT.download(view(place, { format: 'csv' }));
    const [head, line] = (file?.text ?? '').split('\r\n');
    assert.equal(head, 'time,level,type,kind,rack,hostname,node,username,description');
    assert.match(line ?? '', /,alice,"'=HYPERLINK\(""http/);
  }));

test('no part of the text in the file begins a formula where semicolons separate cells', () =>
  withRegion(async (place) => {
    await happen(place, 'booted; then;=HYPERLINK("http://evil.example"); +1;"@x";＝y');
    const file = await EVENTS_EXPORT.download(view(place, { format: 'csv' }));
    assert.doesNotMatch(file?.text ?? '', /(?:^|[;,\n])["\s]*[=+\-@＝]/);
    assert.ok(file?.text.includes(";'=HYPERLINK") && file.text.includes('booted; then'));
  }));

test('the file has the events that the filter chooses, in the words of the API', () =>
  withRegion(async (place) => {
    await happen(place, 'one');
    const two = await happen(place, 'two', { username: 'bert' });
    const file = await EVENTS_EXPORT.download(view(place, { format: 'json', user: 'bert' }, { viewer: ADMIN }));
    const events: readonly { readonly id: number; readonly username: string }[] = JSON.parse(file?.text ?? '');
    assert.deepEqual(
      events.map(({ id, username }) => [id, username]),
      [[two, 'bert']],
    );
    assert.equal(file?.contentType, 'application/json');
  }));

test('the statements of a page do not grow with the log', () =>
  withRegion(async (place) => {
    const statementsOf = async (query: Readonly<Record<string, string>>) => {
      const end = countStatements();
      try {
        takeTexts();
        await show(place, query);
        return sumOf(takeTexts());
      } finally {
        end();
      }
    };
    await happen(place, 'first');
    const few = await statementsOf({ q: 'r', user: 'alice' });
    for (let number = 0; number < 150; number += 1) await happen(place, `step ${number}`);
    assert.ok(few > 0);
    assert.equal(await statementsOf({ q: 'r', user: 'alice' }), few);
  }));
