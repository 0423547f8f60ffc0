// Two processes of one region on one PostgreSQL: the one that has the duties is stopped (SIGSTOP) within a power command, as by the pause of its
// host, another takes the duties over, and the first one continues. No machine is switched twice, and each ends in its wanted state.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { z } from 'zod';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { kill } from '../support/process-tree.ts';
import { RegionPair } from '../support/region-pair.ts';
import { askRegion } from '../support/region-process.ts';
import { eventually, type RunningRack, runRackboot } from '../support/running-rack.ts';
import { type PowerSocket, WebhookPower } from '../support/webhook-power.ts';

const PLACES = [labPlace(121), labPlace(122)] as const;
/** How long a power-off takes, in milliseconds: long enough to stop a process within it. */
const OFF_MS = 3000;
/** The duties move within this, and the new holder lets late steps pass within this, in milliseconds. */
const MOVED_MS_MAX = 15_000;
const SETTLED_MS_MAX = 60_000;
/** Longer than a process that continues needs for its next step, in milliseconds. */
const STEP_MS = 8000;
const shown = z.object({ system_id: z.string() });

describe('a process of a region that is stopped within a power command', {
  skip: missing('linux', '/usr/lib/postgresql'),
}, () => {
  let pair: RegionPair;
  let power: WebhookPower;
  let made = 0;
  let processes: readonly [RunningRack, RunningRack];

  before(async () => {
    power = await WebhookPower.start();
    pair = await RegionPair.start(PLACES);
    processes = [pair.one, pair.two];
  });
  after(async () => {
    for (const each of processes ?? []) kill(each.pid, 'SIGCONT');
    await pair?.close();
    power?.close();
  });

  /** A machine that the webhook switches, off at first. */
  async function addMachine(): Promise<{ readonly socket: PowerSocket; readonly id: string }> {
    made += 1;
    const name = `m${made}`;
    const socket = power.add(name);
    socket.offMs = OFF_MS;
    const machine = await askRegion(PLACES[0], pair.key, 'machines/', {
      hostname: name,
      mac_addresses: `52:54:00:00:91:0${made}`,
      architecture: 'amd64/generic',
      power_type: 'webhook',
      power_parameters: JSON.stringify(power.powerParameters(name)),
      commission: 'false',
    });
    return { socket, id: shown.parse(machine).system_id };
  }

  /** The process with the duties, and the other one. */
  const holder = () =>
    eventually('a process has the duties', async () => {
      const here = await Promise.all(
        processes.map(async ({ configFile }) =>
          /^Duties +this process$/m.test((await runRackboot(['status', '--config', configFile])).output.join('\n')),
        ),
      );
      if (here[0] === here[1]) return undefined;
      return here[0] === true ? ([0, 1] as const) : ([1, 0] as const);
    });

  /** Stops the process with the duties amid the power-off that `command` causes, until another has them. */
  async function moveAmidOff(socket: PowerSocket, command: (place: (typeof PLACES)[number]) => Promise<unknown>) {
    const [duty, other] = await holder();
    const from = processes[other].lines.length;
    await command(PLACES[duty]);
    await eventually('its power-off', () => socket.count('off') === 1);
    const { pid } = processes[duty];
    kill(pid, 'SIGSTOP');
    await processes[other].reported('region.duties-here', { from, limitMs: MOVED_MS_MAX });
    return { pid, duty };
  }

  const returns = [
    ['before its successor gives the machine a command', true],
    ['after its successor has switched the machine on', false],
  ] as const;
  for (const [title, isEarly] of returns)
    test(`a cycle that it continues ${title} switches the machine off once and on once`, async () => {
      const { socket, id } = await addMachine();
      const { pid } = await moveAmidOff(socket, (place) => askRegion(place, pair.key, `machines/${id}/?op=accept`, {}));
      if (isEarly) kill(pid, 'SIGCONT');
      await socket.became('on', SETTLED_MS_MAX);
      kill(pid, 'SIGCONT');
      await sleep(STEP_MS);
      assert.deepEqual([socket.asked, socket.isOn], [['off', 'on'], true]);
    });

  test('a command that the database takes only after the process continues is not carried out by both', async () => {
    const { socket, id } = await addMachine();
    const [duty, other] = await holder();
    const from = processes[other].lines.length;
    // The begin of the command waits for this lock, and so is under way when its process is stopped.
    const locker = new pg.Client({ connectionString: pair.server.urlOf('region') });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE power_command IN EXCLUSIVE MODE');
    try {
      await askRegion(PLACES[duty], pair.key, `machines/${id}/?op=power_on`, {});
      await eventually('the begin waits', async () => {
        const waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = 'power_command'::regclass";
        return (await pair.server.query(waiting, 'region'))[0]?.n !== '0';
      });
      kill(processes[duty].pid, 'SIGSTOP');
    } finally {
      await locker.end();
    }
    await processes[other].reported('region.duties-here', { from, limitMs: MOVED_MS_MAX });
    await socket.became('on', SETTLED_MS_MAX);
    kill(processes[duty].pid, 'SIGCONT');
    await sleep(STEP_MS);
    assert.deepEqual([socket.asked, socket.isOn], [['on'], true]);
  });

  test('a power-off that it continues was the only one', async () => {
    const { socket, id } = await addMachine();
    socket.isOn = true;
    const { pid, duty } = await moveAmidOff(socket, (place) =>
      askRegion(place, pair.key, `machines/${id}/?op=power_off`, { stop_mode: 'hard' }),
    );
    kill(pid, 'SIGCONT');
    await processes[duty].reported('region.duties-lost');
    await sleep(SETTLED_MS_MAX / 2 + STEP_MS);
    assert.deepEqual([socket.asked, socket.isOn], [['off'], false]);
    const ledger = await pair.server.query(
      'SELECT count(*) AS unended FROM power_command WHERE ended_ms IS NULL',
      'region',
    );
    assert.deepEqual(ledger, [{ unended: '0' }], 'each command has an end');
  });
});
