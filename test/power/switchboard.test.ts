// The switchboard with controllers in memory, in virtual time, and with a ledger that outlives it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import type { LedgerEntry, PowerLedger } from '../../src/power/ledger.ts';
import { manual } from '../../src/power/manual.ts';
import type { PowerOutcome } from '../../src/power/outcome.ts';
import { POWER_QUERY_EVERY_MS } from '../../src/power/readings.ts';
import { type EndedCommand, PowerSwitchboard, type PowerTarget, type Submission } from '../../src/power/switchboard.ts';
import { printedRandom } from '../support/printed-random.ts';
import { textOf } from '../support/sentences.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { Controller, controllerDriver, pass } from './controllers.ts';

class MemoryLedger implements PowerLedger {
  readonly entries = new Map<string, LedgerEntry>();
  /** The error with which `begin` fails. */
  fault: Error | undefined;

  async begin(entry: Omit<LedgerEntry, 'end'>): Promise<LedgerEntry | undefined> {
    if (this.fault !== undefined) throw this.fault;
    const known = this.entries.get(entry.id);
    if (known === undefined) this.entries.set(entry.id, entry);
    return known;
  }

  async end(id: string, result: PowerOutcome, atMs: number): Promise<boolean> {
    const entry = this.entries.get(id);
    if (entry === undefined) return true;
    assert.equal(entry.end, undefined, 'ended twice');
    this.entries.set(id, { ...entry, end: { atMs, outcome: result } });
    return true;
  }

  async whileOnDuty(report: () => Promise<unknown>): Promise<void> {
    await report();
  }

  async listUnended(): Promise<readonly LedgerEntry[]> {
    return [...this.entries.values()].filter(({ end }) => end === undefined);
  }
}

/** The promise for which a dead process waits. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

class Place {
  readonly clock = new VirtualClock();
  readonly ledger = new MemoryLedger();
  readonly controllers = new Map<string, Controller>();
  readonly ended: EndedCommand[] = [];
  readonly states: string[] = [];
  board: PowerSwitchboard;

  constructor(...names: string[]) {
    for (const name of names) this.controllers.set(name, new Controller(name, this.clock));
    this.board = this.start();
  }

  /** The switchboard of a new process. The previous one is dead: it sends, writes and reports nothing more. */
  start(): PowerSwitchboard {
    const isDead = (): boolean => this.board !== board;
    const memory = controllerDriver(this.controllers, isDead);
    const { clock, ledger } = this;
    const board: PowerSwitchboard = new PowerSwitchboard({
      clock: {
        now: () => clock.now(),
        wallTimeMs: () => clock.wallTimeMs(),
        randomBytes: (count) => clock.randomBytes(count),
        schedule: (ms, action) => clock.schedule(ms, () => (isDead() ? undefined : action())),
      },
      sshIdentity: () => Promise.reject(new Error('no key here')),
      findDriver: (name) => [memory, manual].find((driver) => driver.name === name),
      ledger: {
        listUnended: () => ledger.listUnended(),
        begin: (entry) => (isDead() ? never() : ledger.begin(entry)),
        end: (id, result, atMs) => (isDead() ? never() : ledger.end(id, result, atMs)),
        whileOnDuty: (report) => ledger.whileOnDuty(report),
      },
      onEnd: async (ended: EndedCommand) => {
        if (!isDead()) this.ended.push(ended);
      },
      onReading: (machine, { state, failure }) =>
        this.states.push(`${machine} ${state}${failure === undefined ? '' : ` ${failure.kind}`}`),
    });
    this.board = board;
    return board;
  }

  target(name: string, machine = name): PowerTarget {
    return { machine, driver: 'memory', values: { power_address: name } };
  }

  controller(name: string): Controller {
    const controller = this.controllers.get(name);
    assert.ok(controller !== undefined);
    return controller;
  }
}

const ON = { kind: 'on', netboot: true } as const;
const OFF = { kind: 'off', manner: 'hard' } as const;

test('a command is taken at once, is in the ledger while it runs, and its end is reported', async () => {
  const place = new Place('a');
  assert.deepEqual(place.board.command('1', place.target('a'), ON), { kind: 'taken' });
  assert.equal(place.board.findCommandId('a'), '1');
  await pass(place.clock, 50);
  assert.deepEqual(
    (await place.ledger.listUnended()).map(({ id }) => id),
    ['1'],
  );
  await pass(place.clock, 1_000);
  assert.deepEqual(
    place.ended.map(({ id, outcome: { kind, state } }) => [id, kind, state]),
    [['1', 'done', 'on']],
  );
  assert.equal(place.ledger.entries.get('1')?.end?.outcome.kind, 'done');
  assert.equal(place.board.findCommandId('a'), undefined);
  assert.equal(place.controller('a').state, 'on');
});

test('a repeated command is carried out once; given again after its end, only its end is reported again', async () => {
  const place = new Place('a');
  const give = () => place.board.command('1', place.target('a'), ON);
  give();
  assert.deepEqual(give(), { kind: 'taken' });
  await pass(place.clock, 1_000);
  assert.equal(place.ended.length, 1);
  assert.deepEqual(give(), { kind: 'taken' });
  await pass(place.clock, 1_000);
  assert.deepEqual(
    place.ended.map(({ id, machine, command, outcome: { kind } }) => [id, machine, command, kind]),
    [
      ['1', 'a', ON, 'done'],
      ['1', 'a', ON, 'done'],
    ],
  );
  assert.equal(place.board.findCommandId('a'), undefined);
  assert.equal(place.controller('a').asked.filter((what) => what === 'on').length, 1);
});

test('of two commands at once one wins, and the other is refused', () => {
  const place = new Place('a');
  place.board.command('1', place.target('a'), ON);
  const second = place.board.command('2', place.target('a'), OFF);
  assert.deepEqual(second, { kind: 'busy' });
});

test('a command that ran when the process died is unknown, and is not repeated', async () => {
  const place = new Place('a');
  place.board.command('1', place.target('a'), ON);
  await pass(place.clock, 50);
  const asked = place.controller('a').asked.length;
  assert.equal(asked, 1);
  place.start();
  await place.board.recover();
  assert.deepEqual(
    place.ended.map(({ id, outcome: { kind } }) => [id, kind]),
    [['1', 'unknown']],
  );
  place.board.command('1', place.target('a'), ON);
  await pass(place.clock, 1_000);
  assert.deepEqual(
    place.ended.map(({ outcome: { kind } }) => kind),
    ['unknown', 'unknown'],
  );
  assert.equal(place.controller('a').asked.length, asked);
});

test('a command that cannot be recorded is not carried out', async () => {
  const place = new Place('a');
  place.ledger.fault = new Error('it is damaged');
  assert.equal(place.board.command('1', place.target('a'), ON).kind, 'taken');
  await pass(place.clock, 1_000);
  assert.equal(place.ended[0]?.outcome.kind, 'refused');
  assert.match(textOf(place.ended[0]?.outcome), /it is damaged/);
  assert.deepEqual(place.controller('a').asked, []);
});

test('a command that cannot be recorded at the moment has no end, and is carried out when it is given again', async () => {
  const place = new Place('a');
  place.ledger.fault = new RackError('store-unavailable', 'the disk is full');
  place.board.command('1', place.target('a'), ON);
  await pass(place.clock, 1_000);
  assert.deepEqual([place.ended, place.controller('a').asked, place.board.findCommandId('a')], [[], [], undefined]);
  place.ledger.fault = undefined;
  place.board.command('1', place.target('a'), ON);
  await pass(place.clock, 1_000);
  assert.deepEqual(
    place.ended.map(({ outcome: { kind } }) => kind),
    ['done'],
  );
});

test('a driver that hangs is abandoned at its deadline, and its controller is free again', async () => {
  const place = new Place('a');
  place.controller('a').behaviour = 'hangs';
  place.board.command('1', place.target('a', 'one'), ON);
  place.board.command('2', place.target('a', 'two'), OFF);
  await pass(place.clock, 125_000, 5_000);
  assert.deepEqual(
    place.ended.map(({ id, outcome: { kind, detail } }) => [id, kind, textOf({ detail })]),
    [['1', 'unknown', 'not finished within 120 s']],
  );
  place.controller('a').behaviour = 'obeys';
  await pass(place.clock, 90_000, 5_000);
  assert.equal(place.ended.length, 2);
});

test('an unknown driver and invalid parameters are refused at once', () => {
  const place = new Place('a');
  const noDriver = place.board.command('1', { machine: 'm', driver: 'ether_wake', values: {} }, ON);
  const why = (given: Submission): string => (given.kind === 'refused' ? textOf({ detail: given.why }) : given.kind);
  assert.equal(why(noDriver), "there is no power driver ether_wake: set the machine's power_type");
  const noController = place.board.command('2', place.target('b'), ON);
  assert.equal(why(noController), 'power_parameters: power_address: is invalid; give power_address');
});

test('a machine switched by hand is reported as such, and is not watched', async () => {
  const place = new Place();
  const target = { machine: 'm', driver: 'manual', values: {} };
  place.board.watch('m', target);
  assert.equal(place.board.reading('m'), undefined);
  assert.equal(place.board.command('1', target, ON).kind, 'taken');
  await pass(place.clock, 100);
  assert.equal(place.ended[0]?.outcome.kind, 'unknown');
  assert.match(textOf(place.ended[0]?.outcome), /^a person must switch it on/);
});

test('watched machines are queried in turn, and a change is reported with its age', async () => {
  const place = new Place('a', 'b');
  place.controller('a').state = 'on';
  for (const name of ['a', 'b']) place.board.watch(name, place.target(name));
  await pass(place.clock, POWER_QUERY_EVERY_MS + 1_000, 500);
  assert.deepEqual([...place.states].sort(), ['a on', 'b off']);
  // Watching it again unchanged keeps its reading.
  place.board.watch('a', place.target('a'));
  const seenAt = place.board.reading('a')?.seenAt;
  assert.ok(seenAt !== undefined && place.clock.now() - seenAt <= POWER_QUERY_EVERY_MS + 1_000);
  place.controller('a').state = 'off';
  place.controller('b').behaviour = 'is-away';
  await pass(place.clock, 2 * POWER_QUERY_EVERY_MS, 500);
  assert.equal(place.board.reading('a')?.state, 'off');
  assert.equal(place.board.reading('b')?.state, 'off');
  assert.equal(place.board.reading('b')?.failure?.kind, 'unreachable');
  assert.deepEqual(place.states.slice(2).sort(), ['a off', 'b off unreachable']);
  place.board.watch('a', undefined);
  assert.equal(place.board.reading('a'), undefined);
});

test('a query is answered at once, concurrent ones share the answer, and it is refused while the machine is switched', async () => {
  const place = new Place('a');
  const { board } = place;
  const [one, other] = [board.queryState(place.target('a')), board.queryState(place.target('a'))];
  await pass(place.clock, 500);
  assert.deepEqual([(await one).state, await other], ['off', await one]);
  assert.deepEqual(place.controller('a').asked, ['query']);
  board.command('1', place.target('a'), ON);
  assert.match(textOf(await board.queryState(place.target('a'))), /the machine is busy with another command: on/);
  await pass(place.clock, 1_000);
  const waits = board.queryState(place.target('a', 'm'));
  const late = board.queryState(place.target('a', 'late'));
  assert.equal(board.command('2', place.target('a', 'late'), OFF).kind, 'taken');
  assert.match(textOf(await late), /the machine is busy with another command: off/);
  place.controller('a').behaviour = 'hangs';
  const lost = board.queryState(place.target('a', 'lost'));
  await board.close();
  assert.equal((await waits).kind, 'unreachable');
  assert.equal(textOf(await lost), 'Rackboot is stopping');
  assert.equal(textOf(await board.queryState(place.target('a'))), 'Rackboot is stopping');
});

test('a waiting command can be withdrawn, and is not in the ledger; a started one cannot', async () => {
  const place = new Place('a');
  place.board.command('1', place.target('a', 'one'), ON);
  place.board.command('2', place.target('a', 'two'), ON);
  assert.equal(place.board.withdraw('1'), false);
  assert.equal(place.board.withdraw('2'), true);
  assert.equal(place.board.findCommandId('two'), undefined);
  await pass(place.clock, 2_000);
  assert.deepEqual(
    place.ended.map(({ id }) => id),
    ['1'],
  );
});

test('at shutdown a running command may end on its own within the grace time', async () => {
  const place = new Place('a', 'b');
  place.controller('b').behaviour = 'hangs';
  place.board.command('1', place.target('a'), ON);
  place.board.command('2', place.target('b'), ON);
  const closed = place.board.close(2_000);
  await pass(place.clock, 2_500);
  await closed;
  assert.deepEqual(
    place.ended.map(({ id, outcome: { kind } }) => [id, kind]),
    [
      ['1', 'done'],
      ['2', 'unknown'],
    ],
  );
});

test('at shutdown running commands are stopped and reported, and waiting ones dropped', async () => {
  const place = new Place('a');
  place.controller('a').behaviour = 'hangs';
  place.board.command('1', place.target('a', 'one'), ON);
  place.board.command('2', place.target('a', 'two'), ON);
  await place.board.close();
  assert.deepEqual(
    place.ended.map(({ id, outcome: { kind } }) => [id, kind]),
    [['1', 'unknown']],
  );
  assert.deepEqual([...place.ledger.entries.keys()], ['1']);
  assert.equal(place.board.command('3', place.target('a'), ON).kind, 'not-now');
});

test('a thousand machines on a hundred controllers are switched, one at a time each', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `c${index}`);
  const place = new Place(...names);
  for (let index = 0; index < 1_000; index += 1) {
    place.board.command(`${index}`, place.target(`c${index % 100}`, `m${index}`), { kind: 'on', netboot: false });
  }
  await pass(place.clock, 60_000, 100);
  assert.equal(place.ended.length, 1_000);
  assert.ok(place.ended.every(({ outcome: { kind } }) => kind === 'done'));
  for (const controller of place.controllers.values()) assert.equal(controller.activeMost, 1);
});

test('whenever the process dies, no command runs twice, and each started one has an end', async () => {
  const random = printedRandom('power');
  const place = new Place('a', 'b', 'c');
  const given = new Map<string, { readonly target: PowerTarget; readonly command: typeof ON | typeof OFF }>();
  for (let step = 0; step < 400; step += 1) {
    const name = ['a', 'b', 'c'][random(3)] ?? 'a';
    given.set(`${step}`, { target: place.target(name), command: random(2) === 0 ? ON : OFF });
    // Like the region, give commands without an end again, with their ids, and some once more after their end.
    for (const [id, { target, command }] of given) {
      if (place.board.command(id, target, command).kind === 'busy') given.delete(id);
    }
    await pass(place.clock, random(400));
    for (const { id } of place.ended) if (random(2) === 0) given.delete(id);
    if (random(5) === 0) {
      place.start();
      // The dead process does nothing more: its programs were killed with it.
      for (const controller of place.controllers.values()) controller.active = 0;
      await place.board.recover();
    }
  }
  await pass(place.clock, 200_000, 10_000);
  const ends = new Map<string, PowerOutcome>();
  for (const { id, outcome } of place.ended) {
    assert.deepEqual(outcome, ends.get(id) ?? outcome, 'one end, however often it is reported');
    ends.set(id, outcome);
  }
  assert.deepEqual([...ends.keys()].sort(), [...place.ledger.entries.keys()].sort());
  assert.ok(ends.size > 50 && place.ended.length > ends.size, `${ends.size} ends, ${place.ended.length} reports`);
  assert.ok(place.ended.some(({ outcome: { kind } }) => kind === 'unknown'));
  for (const [name, controller] of place.controllers) {
    const begun = [...place.ledger.entries.values()].filter(({ machine }) => machine === name).length;
    const switched = controller.asked.filter((what) => what === 'on' || what === 'off hard').length;
    assert.ok(switched <= begun, `${name}: switched ${switched} times for ${begun} commands`);
  }
});
