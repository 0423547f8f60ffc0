import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PowerCommand, performCommand } from '../../src/power/command.ts';
import type { PowerOutcomeKind, PowerState } from '../../src/power/outcome.ts';
import { textOf } from '../support/sentences.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { type Behaviour, Controller, pass } from './controllers.ts';

interface Case {
  readonly name: string;
  readonly command: PowerCommand;
  readonly before?: PowerState;
  readonly behaviour?: Behaviour;
  readonly netboot?: Behaviour;
  readonly kind: PowerOutcomeKind;
  readonly state?: PowerState;
  readonly text?: RegExp;
  /** The requests to the controller, without repetitions. */
  readonly asked: readonly string[];
}

const ON: PowerCommand = { kind: 'on', netboot: true };
const CYCLE: PowerCommand = { kind: 'cycle', netboot: true };

const CASES: readonly Case[] = [
  { name: 'a start by the network', command: ON, kind: 'done', state: 'on', asked: ['netboot', 'on', 'query'] },
  {
    name: 'a start with the boot order as it is',
    command: { kind: 'on', netboot: false },
    kind: 'done',
    state: 'on',
    asked: ['on', 'query'],
  },
  {
    name: 'a controller that confirms but does nothing',
    command: ON,
    behaviour: 'ignores',
    kind: 'unknown',
    state: 'off',
    text: /switched on, but after 20 s: it is still off/,
    asked: ['netboot', 'on', 'query'],
  },
  { name: 'a refusal', command: ON, behaviour: 'refuses', kind: 'refused', asked: ['netboot', 'on', 'query'] },
  {
    name: 'a refusal to set the state that the machine already has',
    command: ON,
    before: 'on',
    behaviour: 'refuses',
    kind: 'done',
    state: 'on',
    asked: ['netboot', 'on', 'query'],
  },
  {
    name: 'no answer about the boot device',
    command: ON,
    netboot: 'is-away',
    kind: 'unreachable',
    asked: ['netboot'],
  },
  {
    name: 'a refused boot device',
    command: ON,
    netboot: 'refuses',
    kind: 'done',
    state: 'on',
    text: /but it may not boot from the network: no$/,
    asked: ['netboot', 'on', 'query'],
  },
  {
    name: 'a cycle',
    command: CYCLE,
    before: 'on',
    kind: 'done',
    state: 'on',
    asked: ['off hard', 'query', 'netboot', 'on', 'query'],
  },
  {
    name: 'a cycle that cannot switch off',
    command: CYCLE,
    before: 'on',
    behaviour: 'ignores',
    kind: 'unknown',
    state: 'on',
    asked: ['off hard', 'query'],
  },
  {
    name: 'a soft off, which is only requested',
    command: { kind: 'off', manner: 'soft' },
    before: 'on',
    behaviour: 'ignores',
    kind: 'done',
    asked: ['off soft'],
  },
  {
    name: 'a refused soft off of a machine that is off',
    command: { kind: 'off', manner: 'soft' },
    behaviour: 'refuses',
    kind: 'done',
    state: 'off',
    asked: ['off soft', 'query'],
  },
  {
    name: 'a refused soft off of a machine that is on',
    command: { kind: 'off', manner: 'soft' },
    before: 'on',
    behaviour: 'refuses',
    kind: 'refused',
    asked: ['off soft', 'query'],
  },
  {
    name: 'a hard off',
    command: { kind: 'off', manner: 'hard' },
    before: 'on',
    kind: 'done',
    state: 'off',
    asked: ['off hard', 'query'],
  },
  { name: 'a question', command: { kind: 'query' }, before: 'on', kind: 'done', state: 'on', asked: ['query'] },
];

for (const { name, command, before = 'off', behaviour, netboot, kind, state, text, asked } of CASES) {
  test(`${name}: ${kind}`, async () => {
    const clock = new VirtualClock();
    const controller = new Controller('one', clock);
    controller.state = before;
    controller.behaviour = behaviour ?? 'obeys';
    controller.netboot = netboot ?? 'obeys';
    const { signal } = new AbortController();
    const performed = performCommand(controller.port(), command, { clock, signal });
    await pass(clock, 40_000, 100);
    const end = await performed;
    assert.equal(end.kind, kind, textOf(end));
    assert.equal(end.state, state ?? 'unknown');
    if (text !== undefined) assert.match(textOf(end), text);
    assert.deepEqual(
      controller.asked.filter((what, index) => what !== controller.asked[index - 1]),
      asked,
    );
    assert.equal(clock.pending, 0);
  });
}

test('an abort ends the verification', async () => {
  const clock = new VirtualClock();
  const controller = new Controller('one', clock);
  controller.behaviour = 'ignores';
  const stop = new AbortController();
  const performed = performCommand(controller.port(), ON, { clock, signal: stop.signal });
  await pass(clock, 2_000);
  stop.abort();
  assert.equal((await performed).kind, 'unknown');
});

test('a process that may no longer switch the machine does not begin the second half of a cycle', async () => {
  const clock = new VirtualClock();
  const controller = new Controller('one', clock);
  controller.state = 'on';
  const { signal } = new AbortController();
  let steps = 0;
  const mayStep = (): Promise<boolean> => {
    steps += 1;
    return Promise.resolve(steps === 1);
  };
  const performed = performCommand(controller.port(), { kind: 'cycle', netboot: false }, { clock, signal, mayStep });
  await pass(clock, 40_000, 100);
  const end = await performed;
  assert.equal(end.kind, 'unknown');
  assert.match(textOf(end), /another process of the region may switch this machine now/);
  assert.equal(controller.state, 'off');
});
