// A real daemon that is killed in the middle of a machine's power cycle, on loopback: nobody helps, and the machine is measured and deployed
// all the same. Its webhook takes seconds for a power-off.
// @host alone

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac } from '../../src/ground/address.ts';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { diskImage } from '../support/disk-image.ts';
import { isShownMachine, type ShownMachine } from '../support/life-under-fire.ts';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';
import { makeSwitchedRack } from '../support/switched-rack.ts';

const OFF_MS = 4000;
/** Far less than the five minutes that a machine has after an uncertain power-on. */
const STEP_MS_MAX = 120_000;
const SSH_KEY = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]);

test('a machine whose daemon is killed in the middle of its power cycles becomes Ready, and Deployed', {
  skip: missing('linux'),
}, async () => {
  const site = await makeSwitchedRack(labPlace(7), 984);
  const { rack, power, life, socket } = site;
  try {
    await rack.startWhole();
    const run = async (...words: string[]): Promise<void> => {
      await rack.well(...words);
    };
    const image = join(rack.directory, 'image.raw');
    writeFileSync(image, diskImage());
    await run('images', 'add', image, '--os', 'debian', '--release', 'trixie');
    const key = join(rack.directory, 'key.pub');
    writeFileSync(key, `ssh-ed25519 ${SSH_KEY.toString('base64')} me@here\n`);
    await run('sshkeys', 'add', key);

    const find = async (): Promise<ShownMachine | undefined> => {
      const path = `/MAAS/api/2.0/machines/?mac_address=${formatMac(life.hardware.mac)}`;
      const found = await askDaemon(rack.stateDir, path).catch(() => []);
      return Array.isArray(found) ? found.find(isShownMachine) : undefined;
    };
    const reach = async (status: string): Promise<void> => {
      let last: ShownMachine | undefined;
      await eventually(
        status,
        async () => {
          last = await find();
          assert.ok(last?.status_name.startsWith('Failed') !== true, last?.status_message);
          return last?.status_name === status && last.power_task === '';
        },
        STEP_MS_MAX,
      ).catch((cause: unknown) => {
        throw new Error(`it is ${JSON.stringify(last)}; asked ${socket.asked.join(', ')}`, { cause });
      });
    };

    await site.pressButton();
    const { system_id: id } = await eventually('the machine', find);
    await socket.became('off');
    const change = (method: 'PUT' | 'POST', rest: string, form: Readonly<Record<string, string>>) =>
      askDaemon(rack.stateDir, `/MAAS/api/2.0/machines/${id}/${rest}`, method, new URLSearchParams(form).toString());
    const power_parameters = JSON.stringify(power.powerParameters('m1'));
    await change('PUT', '', { power_type: 'webhook', power_parameters });

    /** Gives a command, and kills the daemon during the power-off of its cycle. */
    const killInCycle = async (op: string, form: Readonly<Record<string, string>> = {}): Promise<void> => {
      socket.asked.length = 0;
      socket.offMs = OFF_MS;
      await change('POST', `?op=${op}`, form);
      await eventually('its power-off', () => socket.count('off') === 1);
      await sleep(OFF_MS / 4);
      await rack.kill();
      assert.deepEqual(socket.asked, ['off']);
      await rack.startWhole();
    };
    await killInCycle('accept');
    await reach('Ready');
    assert.deepEqual(socket.asked, ['off', 'on', 'off']);
    await killInCycle('deploy', { distro_series: 'trixie' });
    await reach('Deployed');
    assert.deepEqual(socket.asked, ['off', 'on']);
  } finally {
    await site.close();
  }
});
