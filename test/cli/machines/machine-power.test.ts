// Which event `rackboot power … --wait` accepts as the end of its own switch, against a daemon that answers from a table.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { showPower, switchMachine } from '../../../src/cli/machines/machine-power.ts';
import { traceMachine } from '../../../src/cli/rack/trace.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

interface LoggedEvent {
  readonly id: number;
  readonly type: string;
  readonly description: string;
}

const MACHINE = {
  system_id: 'abc',
  hostname: 'm1',
  fqdn: 'm1.maas',
  status_name: 'Ready',
  architecture: 'amd64/generic',
  cpu_count: 1,
  memory: 1024,
  ip_addresses: [],
  interface_set: [],
  physicalblockdevice_set: [],
  hardware_info: null,
  hardware_parts: undefined,
  power_type: 'webhook',
  power_state: 'off',
  power_state_age: null,
  power_state_text: '',
  power_task: '',
};
const TRACED = { systemId: 'abc', hostname: 'm1', domain: 'maas', status: 'Commissioning', purpose: 'commissioning' };
const ON_BEFORE = { id: 5, type: 'Node powered on', description: 'switched on' };
const BEGUN = { id: 10, type: 'Node', description: 'power on' };
const FAILED = { id: 12, type: 'Failed to power on node', description: 'power on failed: no answer' };
const SEEN_ON = { id: 14, type: 'Node powered on', description: 'turned on, but not by Rackboot' };
const OFF = { id: 13, type: 'Node powered off', description: 'switched off' };
const DONE = { id: 11, type: 'Node powered on', description: 'switched on' };
const POSTS = Array.from({ length: 100 }, (_, index) => ({
  id: 100 + index,
  type: 'Node status event',
  description: 'x',
}));

/** The daemon's answer to an events query, like the region's: with `after` the oldest events, newest first. */
function queryEvents(events: readonly LoggedEvent[], query: URLSearchParams): readonly LoggedEvent[] {
  const after = Number(query.get('after') ?? 0);
  const limit = Number(query.get('limit'));
  const newer = events.filter(({ id }) => id > after);
  return (query.has('after') ? newer.slice(0, limit) : newer.slice(-limit)).toReversed();
}

/** The output and exit code of the command with these events in the log. */
const waitFor = (
  t: TestContext,
  op: 'power_on' | 'power_off' | 'power_cycle',
  events: readonly LoggedEvent[],
  json = true,
) =>
  withDaemon(t, MACHINE, events, json, (config) => switchMachine({ config, json, machine: 'm1', wait: true }, op, {}));
/** The same for any command, with one machine. */
async function withDaemon(
  t: TestContext,
  machine: Readonly<Record<string, unknown>>,
  events: readonly LoggedEvent[],
  json: boolean,
  action: (config: string) => Promise<number>,
) {
  const { config } = await answerControl(t, ({ pathname, searchParams }, method) => {
    if (pathname.endsWith('/events/')) return { events: queryEvents(events, searchParams) };
    if (pathname === '/trace')
      return { mac: '52:54:00:00:00:01', machine: TRACED, missed: 0, steps: [], waiting: 'its first message' };
    if (pathname === '/status') return { name: 'rack-1' };
    if (pathname.endsWith('/machines/')) return [machine];
    return method === 'POST'
      ? { ...machine, power_task: 'on', event_id: BEGUN.id, switches_itself_off: true }
      : machine;
  });
  const { result: code, text } = await printedBy(() => action(config));
  return { code, answer: json ? JSON.parse(text) : text };
}

const CASES = [
  ['its own end, although the log continues', 'power_on', [ON_BEFORE, BEGUN, DONE, ...POSTS], true, DONE.description],
  ['no older end if its own is missing', 'power_on', [ON_BEFORE, BEGUN], false, 'another command changed its power'],
  [
    'the failure, although the machine is seen on later',
    'power_on',
    [BEGUN, FAILED, SEEN_ON],
    false,
    FAILED.description,
  ],
  ['no end of another command that replaced it', 'power_on', [BEGUN, OFF], false, 'another command changed its power'],
  ['the end of a cycle', 'power_cycle', [ON_BEFORE, BEGUN, DONE], true, DONE.description],
  ['the end of switching off', 'power_off', [ON_BEFORE, BEGUN, OFF], true, OFF.description],
] as const;

for (const [what, op, events, done, text] of CASES) {
  test(`${op} --wait reports ${what}`, async (t) => {
    const { code, answer } = await waitFor(t, op, events);
    assert.equal(answer.done, done);
    assert.match(answer.text, new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
    assert.equal(code, done ? 0 : 1);
  });
}

test('after switching on a machine with nothing to do, the command explains why it goes off again, and how to keep it on', async (t) => {
  const { code, answer } = await waitFor(t, 'power_cycle', [BEGUN, DONE], false);
  assert.equal(code, 0);
  assert.match(
    answer,
    /^m1\.maas \(abc\): switched on\.\nIt is Ready and has nothing to do: .*rackboot(?:\.js)? machines rescue (?:.* )?m1\n$/,
  );
  const off = await waitFor(t, 'power_off', [BEGUN, OFF], false);
  assert.equal(off.answer, 'm1.maas (abc): switched off.\n');
});

test('power status and trace say that a machine waits for a person to switch it on', async (t) => {
  const waiting = { ...MACHINE, power_type: 'manual', status_message_code: 'waits-for-hand' };
  const power = await withDaemon(t, waiting, [], false, (config) => showPower({ config, json: false }));
  assert.match(power.answer, /m1\.maas +manual .* waiting to be switched on\n$/);
  const request = { machine: 'm1', follow: false, json: false, since: undefined };
  const trace = (machine: typeof MACHINE): Promise<{ answer: string }> =>
    withDaemon(t, machine, [], false, (config) => traceMachine({ config, ...request }));
  assert.match((await trace(waiting)).answer, /\nWaiting for a person to switch it on\.\n$/);
  assert.match((await trace(MACHINE)).answer, /\nWaiting for its first message\.\n$/);
});
