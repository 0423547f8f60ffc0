// The messages of the real daemon to the service manager, on sockets of both kinds, in order and on time.
// @host rests

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { NotifyReceiver } from '../support/notify-receiver.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(60);
const WATCHDOG_MS = 2000;

/** Runs `work` with the environment variables that a manager sets for a service. */
async function asService<T>(socket: string, work: () => Promise<T>): Promise<T> {
  const said = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) };
  Object.assign(process.env, said);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(said)) delete process.env[name];
  }
}

test('ready, status, watchdog, reload and stop are sent in order', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  const socket = join(rack.directory, 'notify');
  const manager = new NotifyReceiver(socket);
  try {
    await asService(socket, () => rack.startWhole());
    const ready = await eventually('ready', () => manager.all('READY')[0]);
    assert.match(ready.fields.STATUS ?? '', new RegExp(`^serving ${PLACE.octets}\\.0/24`));
    assert.equal(manager.received[0]?.fields.STATUS, 'starting');
    await eventually(
      'the whole rack',
      () => manager.all('STATUS').at(-1)?.fields.STATUS === `serving ${PLACE.octets}.0/24`,
    );
    const environment = readFileSync(`/proc/${rack.pid}/environ`, 'latin1');
    assert.match(environment, /NOTIFY_SOCKET=/, 'it was told by the environment');

    const from = manager.received.length;
    await eventually('it is fed on and on', () => manager.all('WATCHDOG', from).length >= 7);
    const fed = manager.all('WATCHDOG', from).map(({ at }) => at);
    const periods = ((fed.at(-1) ?? 0) - (fed[0] ?? 0)) / WATCHDOG_MS;
    assert.ok(periods > 2 && periods < fed.length, `fed ${fed.length} times in ${periods} periods`);
    const gaps = fed.slice(1).map((at, index) => at - (fed[index] ?? at));
    assert.ok(Math.max(...gaps) < WATCHDOG_MS, `the longest gap is ${Math.max(...gaps)} ms`);

    for (const [text, event] of [
      [readFileSync(rack.configFile, 'utf8'), 'config.applied'],
      ['colour: blue\n', 'config.refused'],
    ] as const) {
      const earlier = manager.received.length;
      rack.configure(text);
      // The watched file is a reload of its own.
      await eventually(`the file is read: ${event}`, () => manager.all('READY', earlier).length > 0);
      const before = manager.received.length;
      const lines = rack.lines.length;
      process.kill(rack.pid, 'SIGHUP');
      await rack.reported(event, { from: lines });
      await eventually(`ready after ${event}`, () => manager.all('READY', before).length > 0);
      const reported = manager.received.slice(before).filter(({ fields }) => fields.RELOADING ?? fields.READY);
      assert.equal(reported[0]?.fields.RELOADING, '1');
      const uptimeUs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6;
      assert.ok(Math.abs(Number(reported[0]?.fields.MONOTONIC_USEC) - uptimeUs) < 60e6, 'the time is CLOCK_MONOTONIC');
      assert.equal(reported.at(-1)?.fields.READY, '1');
    }

    const before = manager.received.length;
    assert.equal(await rack.stop(), 0);
    await eventually('stopping', () => manager.all('STOPPING', before).length === 1);
    assert.equal(manager.all('READY', before).length, 0);
    assert.ok(manager.all('EXTEND_TIMEOUT_USEC', before).length > 0);
    assert.match(manager.all('STATUS').at(-1)?.fields.STATUS ?? '', /^stopping: delivering/);
  } finally {
    manager.close();
    await rack.remove();
  }
});
