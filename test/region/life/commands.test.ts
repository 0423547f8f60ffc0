// Every command in every state: its target state or its refusal; and the allocations that each path makes and takes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Switching } from '../../../src/power/driver.ts';
import { decideCommand } from '../../../src/region/life/command-effects.ts';
import { commandsFrom } from '../../../src/region/life/commands.ts';
import { checkTransition } from '../../../src/region/life/transition.ts';
import { type MachineStatus, STATUSES } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { COMMAND_NAMES, type CommandName, commandWord } from '../../../src/region/records/machine-commands.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { enlist, report, withRegion } from '../place.ts';
import { bareMachine } from './bare-machine.ts';

const ADMIN = { username: 'admin', isAdmin: true, comment: '' };
const terms = (switches: Switching = 'on-and-off', by = ADMIN) => ({
  atMs: 5,
  clock: new VirtualClock(),
  by,
  switches,
});

/** For each command, the states in which it is possible, each with the final state of a machine that only people switch. */
const EXPECTED: Readonly<Record<CommandName, string>> = {
  accept: 'new>commissioning',
  commission:
    'new>commissioning failed-commissioning>commissioning missing>commissioning ready>commissioning broken>commissioning failed-testing>commissioning',
  allocate: 'ready>allocated',
  deploy: 'ready>deploying allocated>deploying failed-deployment>deploying',
  release:
    'reserved>ready deployed>ready broken>ready deploying>ready allocated>ready failed-deployment>ready failed-releasing>ready ' +
    'failed-disk-erasing>ready missing>ready rescue-mode>ready failed-entering-rescue-mode>ready failed-exiting-rescue-mode>ready failed-testing>ready',
  abort:
    'commissioning>new deploying>allocated disk-erasing>failed-disk-erasing entering-rescue-mode>deployed testing>deployed',
  'mark-broken':
    'new commissioning failed-commissioning missing ready reserved deployed retired deploying allocated failed-deployment releasing ' +
    'failed-releasing disk-erasing failed-disk-erasing rescue-mode entering-rescue-mode failed-entering-rescue-mode exiting-rescue-mode ' +
    'failed-exiting-rescue-mode testing failed-testing broken',
  'mark-fixed': 'broken>deployed',
  'mark-missing':
    'new commissioning failed-commissioning ready reserved deployed retired deploying allocated failed-deployment releasing ' +
    'rescue-mode testing failed-testing',
  rescue:
    'new failed-commissioning ready reserved deployed broken allocated failed-deployment failed-releasing failed-disk-erasing ' +
    'rescue-mode failed-entering-rescue-mode failed-exiting-rescue-mode failed-testing',
  'exit-rescue':
    'rescue-mode>deployed entering-rescue-mode>deployed failed-entering-rescue-mode>deployed failed-exiting-rescue-mode>deployed',
  retire: 'new>retired failed-commissioning>retired ready>retired failed-testing>retired',
  reinstate: 'retired>new missing>new',
  'override-failed': 'failed-testing>deployed',
  test: 'ready allocated broken failed-commissioning failed-deployment failed-releasing failed-disk-erasing failed-testing',
};
const DEFAULT_ENDS: Partial<Record<CommandName, MachineStatus>> = {
  'mark-broken': 'broken',
  'mark-missing': 'missing',
  rescue: 'entering-rescue-mode',
  test: 'testing',
};

function endsOf(name: CommandName): ReadonlyMap<string, string> {
  return new Map(
    EXPECTED[name].split(' ').map((entry): [string, string] => {
      const [from = '', to = DEFAULT_ENDS[name] ?? ''] = entry.split('>');
      return [from, to];
    }),
  );
}

/** A machine in a state, which was Deployed before it was set aside. */
function machineIn(status: MachineStatus): Machine {
  const isAside = /rescue|testing|broken/.test(status);
  return bareMachine(status, { restingStatus: isAside ? 'deployed' : undefined });
}

for (const name of COMMAND_NAMES) {
  test(`${name}: in every state it leads to the table's state, or its refusal lists the possible commands`, () => {
    const expected = endsOf(name);
    for (const { status } of STATUSES) {
      const machine = machineIn(status);
      const decision = decideCommand(machine, { name }, terms('nothing'));
      const end = expected.get(status);
      if (decision.kind === 'refuse') {
        assert.equal(end, undefined, `${status}: ${decision.refusal.text}`);
        assert.equal(decision.refusal.name, 'transition-not-allowed');
        for (const possible of commandsFrom(status))
          assert.ok(decision.refusal.text.includes(commandWord(possible)), possible);
        continue;
      }
      assert.equal(decision.fields.status, end, status);
      assert.equal(decision.events[0]?.type, 'NODE');
      assert.equal(decision.events[0]?.username, 'admin');
      assert.equal(decision.fields.powerTask, undefined);
      for (const switches of ['nothing', 'on', 'on-and-off'] as const) assertSteps(machine, name, switches);
    }
  });
}

/** Each step of a path is in the table of states; the log names them all. */
function assertSteps(machine: Machine, name: CommandName, switches: Switching): void {
  const decision = decideCommand(machine, { name }, terms(switches));
  assert.equal(decision.kind, 'change');
  if (decision.kind !== 'change') return;
  let at = machine.status;
  for (const event of decision.events) {
    if (event.code !== 'status-changed') continue;
    const { from, to } = event.params;
    assert.ok(from === at && checkTransition(at, to) === undefined, sentenceOf(event));
    at = to;
  }
  assert.equal(decision.fields.status, at);
}

test('an owner may command their machines, a user free machines, an administrator all', () => {
  const bob = { username: 'bob', isAdmin: false, comment: '' };
  const eve = { username: 'eve', isAdmin: false, comment: '' };
  const decide = (status: MachineStatus, name: CommandName, by: typeof bob, owner?: string): string => {
    const decision = decideCommand({ ...machineIn(status), owner }, { name }, terms('on-and-off', by));
    return decision.kind === 'refuse' ? decision.refusal.name : 'done';
  };
  assert.equal(decide('ready', 'allocate', eve), 'done');
  assert.equal(decide('allocated', 'deploy', bob, 'bob'), 'done');
  assert.equal(decide('allocated', 'deploy', eve, 'bob'), 'not-owner');
  assert.equal(decide('deployed', 'release', eve, 'bob'), 'not-owner');
  assert.equal(decide('deployed', 'release', bob, 'bob'), 'done');
  assert.equal(decide('new', 'commission', bob), 'not-owner');
  assert.equal(decide('new', 'accept', eve), 'not-owner');
  assert.equal(decide('new', 'accept', ADMIN), 'done');
});

test('an aborted commissioning returns to the state before it if the table allows that, and powers off', () => {
  const expected: readonly (readonly [MachineStatus, MachineStatus])[] = [
    ['new', 'new'],
    ['ready', 'ready'],
    ['broken', 'broken'],
    ['failed-commissioning', 'failed-commissioning'],
    ['failed-testing', 'new'],
    ['missing', 'missing'],
  ];
  for (const [before, end] of expected) {
    const work = { waitsForBoot: false, attempts: 0, before };
    const decision = decideCommand({ ...machineIn('commissioning'), work }, { name: 'abort' }, terms());
    if (decision.kind !== 'change') assert.fail(before);
    assert.deepEqual([decision.fields.status, decision.fields.powerTask], [end, 'off'], before);
  }
});

test('of two simultaneous commands one wins, and the refusal of the other names the state', () =>
  withRegion(async ({ region }) => {
    const { systemId } = await enlist(region, report([0x525400000001]));
    const ask = (name: CommandName, by: object, more = {}) =>
      region.life.command(systemId, { name, ...more }, { ...ADMIN, ...by });
    await ask('accept', {}, { skipsCommissioning: true });
    const bob = await ask('allocate', { username: 'bob', comment: 'for tests' });
    const eve = await ask('allocate', { username: 'eve' });
    assert.equal(bob.kind, 'changed');
    assert.ok(eve.kind === 'refuse' && eve.refusal.name === 'transition-not-allowed');
    assert.match(eve.refusal.text, /is in the state Allocated: allocate is not possible\. Possible: deploy, release/);
    assert.equal((await region.store.findMachine(systemId))?.owner, 'bob');
    const audit = await region.store.listEvents({ machines: { systemIds: [systemId] }, limit: 20 });
    const noted = audit.find((event) => sentenceOf(event) === 'allocate: for tests');
    assert.deepEqual([noted?.type, noted?.username], ['NODE', 'bob']);
  }));

test('an erasure is possible in the states with an owner, and refused during a rescue', () => {
  for (const [status, isPossible] of [
    ['deployed', true],
    ['allocated', true],
    ['failed-deployment', true],
    ['broken', true],
    ['rescue-mode', false],
    ['failed-testing', false],
  ] as const) {
    const decision = decideCommand(machineIn(status), { name: 'release', erase: 'all' }, terms());
    assert.equal(decision.kind === 'change', isPossible, status);
    if (decision.kind !== 'change') continue;
    assert.equal(decision.fields.status, 'disk-erasing');
    assert.equal(decision.fields.work?.erase, 'all');
    assert.equal(decision.fields.powerTask, 'cycle');
    assert.equal(decision.fields.owner, undefined);
    assert.equal('owner' in decision.fields, false);
  }
});
