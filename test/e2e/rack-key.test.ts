// A stolen key of an accepted rack: what it opens, and what it does not. A region with machines of its own, a
// remote rack with others; real processes and sockets on loopback, by any user.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac } from '../../src/ground/address.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { simulatedHardware } from '../../src/lab/simulated-hardware.ts';
import { SwitchableMachine } from '../../src/lab/simulated-life.ts';
import { heartbeatOf, rackAuthorization, rackInterface } from '../region/racks/rack-place.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const REGION = labPlace(68);
const FAR = labPlace(69);
const BASE = `http://127.0.0.1:${REGION.regionPort}/MAAS`;
/** The first of this file's simulated machines. */
const MACHINE = 6800;

const macOf = (index: number): string => formatMac(simulatedHardware(MACHINE + index).mac);

/** Switches a machine on at a rack until it has switched itself off. @returns its steps */
async function boot(place: LabPlace, index: number): Promise<string> {
  const life = new SwitchableMachine(place, MACHINE + index);
  const off = new Promise<void>((resolve) => {
    life.onOff = resolve;
  });
  await life.on();
  await off;
  return life.outcomes.at(-1) ?? '';
}

interface GivenMachine {
  readonly systemId: string;
  readonly bootToken?: string;
}

describe('the key of a remote rack', () => {
  const region = new RunningRack(REGION);
  const far = new RunningRack(FAR, (text) =>
    text.replace(/^name: .*$/m, 'name: far').replace(/^region: .*$/m, `region: { mode: remote, url: "${BASE}" }`),
  );
  let uuid = '';
  let key = { token: '', secret: '' };

  const rackboot = (...args: string[]) => region.rackboot(...args);
  const machineOf = async (index: number) => {
    const machines = machinesShape.parse(await region.ask('/MAAS/api/2.0/machines/'));
    return machines.find(({ interface_set: nics }) => nics.some(({ mac_address: mac }) => mac === macOf(index)));
  };
  const statusOf = async (index: number) => (await machineOf(index))?.status_name;
  const commission = async (index: number) => {
    const path = `/MAAS/api/2.0/machines/${(await machineOf(index))?.system_id}/?op=commission`;
    await askDaemon(region.stateDir, path, 'POST', '');
  };
  /** By the holder of the key. */
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${BASE}/${path}`, {
      ...init,
      headers: { Authorization: rackAuthorization(key.token, key.secret), ...Object(init.headers) },
    });
  const reported = async (): Promise<readonly GivenMachine[]> =>
    (JSON.parse(await (await ask(`uplink/1/racks/${uuid}/state`)).text()) as { machines: GivenMachine[] }).machines;
  const tokenOf = async (index: number): Promise<string | undefined> => {
    const id = (await machineOf(index))?.system_id;
    return (await reported()).find(({ systemId }) => systemId === id)?.bootToken;
  };
  const run = async (...args: string[]): Promise<string> => {
    const { code, output, complaints } = await rackboot(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${complaints.join('\n')}`);
    return output.join('\n');
  };

  before(async () => {
    await region.startWhole();
    await far.start();
    await far.reported('region.pending', { limitMs: 20_000 });
    await run('racks', 'accept', 'far');
    await eventually('the link is up', async () => (await far.status()).region?.state === 'up', 30_000);
    uuid = JSON.parse(readFileSync(join(far.stateDir, 'rack.json'), 'utf8')).uuid;
    const [, token = '', secret = ''] = readFileSync(join(far.stateDir, 'region.key'), 'utf8').trim().split(':');
    key = { token, secret };
  });
  after(async () => {
    await far.remove();
    await region.remove();
  });

  test('reads the tokens of the rack’s own machines, and no token of the region’s machines', async () => {
    assert.deepEqual([await boot(REGION, 0), await boot(FAR, 1)], ['enlisted', 'enlisted']);
    for (const index of [0, 1]) await commission(index);
    assert.match((await tokenOf(1)) ?? '', /^[\w-]{32}$/);
    assert.equal(await tokenOf(0), undefined);
    assert.equal((await reported()).length, 2, 'the region reports both to it');
    assert.match(await run('machines', 'show', macOf(1)), /Home +rack far/);
  });

  test('claims no network of the region, and an event names the rack', async () => {
    const interfaces = [`${FAR.octets}.0/24`, `${REGION.octets}.0/24`, '127.0.0.0/8'].map((one) => rackInterface(one));
    const beat = await ask(`uplink/1/racks/${uuid}/heartbeat`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(heartbeatOf({ interfaces })),
    });
    assert.equal(beat.status, 200);
    const listed = await rackboot('racks');
    assert.equal(listed.code, 1);
    assert.match(
      listed.output.join('\n'),
      /^BAD +far: .* of lab .*not believed.*racks accept (?:--config \S+ )?far --share /m,
    );
    assert.match(await run('events', '--level', 'warning'), /Rack far reports a network that a person must agree to/);
    const asMachine = await fetch(`${BASE}/rackboot/1/job`, {
      headers: {
        'X-Rackboot-Rack': `${key.token}:${key.secret}`,
        'X-Forwarded-For': `${REGION.octets}.100`,
        'X-Rackboot-Token': 'x'.repeat(32),
        'X-Rackboot-Boot': macOf(0),
      },
    });
    assert.equal(asMachine.status, 403);
    assert.equal(await tokenOf(0), undefined);
  });

  test('machines of both racks are commissioned, each in its place', async () => {
    assert.equal(await boot(FAR, 1), 'commission');
    assert.equal(await boot(REGION, 0), 'commission');
    for (const index of [0, 1]) assert.equal(await statusOf(index), 'Ready');
  });

  test('a machine that was moved there works once a user has said so, and its log names the command', async () => {
    await commission(0);
    // Until the rack knows the new status, it switches the machine off. Without a token the machine can only report itself.
    await eventually('it reports itself', async () => (await boot(FAR, 0)) === 'enlisted', 30_000);
    assert.equal(await statusOf(0), 'Commissioning');
    const name = (await machineOf(0))?.hostname ?? '';
    const remedy = new RegExp(`rackboot(?:\\.js)? machines move (?:--config \\S+ )?${name} far`);
    const events = `/MAAS/api/2.0/events/?op=query&hostname=${name}`;
    await eventually('the log', async () => remedy.test(JSON.stringify(await region.ask(events))), 20_000);
    assert.match(await run('machines', 'move', name, 'far'), /is now rack far/);
    await eventually('the token', async () => (await tokenOf(0)) !== undefined);
    await eventually('it works', async () => (await boot(FAR, 0)) === 'commission', 30_000);
    assert.equal(await statusOf(0), 'Ready');
  });

  test('a machine that a user created is commissioned at the rack that reports it first', async () => {
    const form = new URLSearchParams({
      architecture: 'amd64',
      mac_addresses: macOf(2),
      power_type: 'manual',
      commission: 'false',
    });
    await askDaemon(region.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());
    await commission(2);
    assert.equal(await tokenOf(2), undefined);
    await eventually('it works', async () => (await boot(FAR, 2)) === 'commission', 30_000);
    assert.equal(await statusOf(2), 'Ready');
  });

  test('the key of a lost rack opens nothing once the rack is removed', async () => {
    await run('racks', 'remove', 'far');
    assert.equal((await ask(`uplink/1/racks/${uuid}/state`)).status, 401);
  });
});
