// The whole life of a machine whose power Rackboot switches: a real daemon on loopback, a webhook that holds the power, and behind it a
// simulated machine that does the region's work.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatMac } from '../../src/ground/address.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { asPrinted } from '../support/as-printed.ts';
import { LoopbackBmc } from '../support/loopback-bmc.ts';
import { missing } from '../support/needs.ts';
import { type Ended, eventually, well } from '../support/running-rack.ts';
import { makeSwitchedRack, type SwitchedRack } from '../support/switched-rack.ts';

const PLACE = labPlace(1);

interface Answered {
  readonly status: number;
  readonly text: string;
}

describe('a machine with a power driver', { skip: missing('linux') }, () => {
  let site: SwitchedRack | undefined;
  let rack: SwitchedRack['rack'];
  let power: SwitchedRack['power'];
  let life: SwitchedRack['life'];
  let socket: SwitchedRack['socket'];
  let id = '';

  before(async () => {
    site = await makeSwitchedRack(PLACE, 901);
    ({ rack, power, life, socket } = site);
    await rack.startWhole();
  });
  after(() => site?.close());

  const ask = (method: string, path: string, form: Readonly<Record<string, string>> = {}): Promise<Answered> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const headers = { Host: 'localhost', 'Content-Type': 'application/x-www-form-urlencoded' };
    const asking = request(
      { socketPath: join(rack.stateDir, CONTROL_SOCKET), path: `/MAAS/api/2.0/${path}`, method, headers },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    asking.on('error', reject);
    asking.end(method === 'GET' ? undefined : new URLSearchParams(form).toString());
    return promise;
  };
  const good = async (method: string, path: string, form = {}): Promise<Record<string, unknown>> => {
    const { status, text } = await ask(method, path, form);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  };
  const machine = (): Promise<Record<string, unknown>> => good('GET', `machines/${id}/`);
  const command = (...words: readonly string[]): Promise<Ended> => rack.rackboot('power', ...words);
  const is = async (status: string): Promise<void> =>
    void (await eventually(status, async () => (await machine()).status_name === status, 60_000));

  test('enlists, and is given a webhook for its power', async () => {
    await site?.pressButton();
    const found = await eventually('the machine', async () => {
      const { text } = await ask('GET', `machines/?mac_address=${formatMac(life.hardware.mac)}`);
      return JSON.parse(text)[0];
    });
    id = found.system_id;
    await socket.became('off');
    assert.deepEqual(life.outcomes, ['enlisted']);
    const bad = await ask('PUT', `machines/${id}/`, {
      power_type: 'webhook',
      power_parameters: '{"power_on_uri":"x"}',
    });
    assert.equal(bad.status, 400, bad.text);
    assert.match(bad.text, /power_query_uri: is missing/);

    const power_parameters = JSON.stringify({ ...power.powerParameters('m1'), power_token: 'hush-hush' });
    const set = await good('PUT', `machines/${id}/`, { hostname: 'm1', power_type: 'webhook', power_parameters });
    assert.equal(set.power_type, 'webhook');
    assert.equal((await good('GET', `machines/${id}/?op=power_parameters`)).power_token, 'hush-hush');
  });

  test('is accepted: switched on, measured, Ready, and off again', async () => {
    const accepted = await good('POST', `machines/${id}/?op=accept`);
    assert.equal(accepted.status_name, 'Commissioning');
    await is('Ready');
    await eventually('its power to be off', async () => (await machine()).power_task === '');
    assert.deepEqual(socket.asked, ['off', 'on', 'off']);
    // It may lose its power before it has read the answer to its last word.
    assert.match(life.outcomes.join(), /^enlisted(,commission)?$/);
    await eventually('its power is seen', async () => (await machine()).power_state === 'off');
  });

  test('is switched by the command line, which waits for the end, by one command at a time', async () => {
    const refused = await command('set', 'm1', 'virsh', 'power_adress=x');
    assert.equal(refused.code, 2);
    assert.match(refused.complaints.join('\n'), /^rackboot: power_address: is missing; give a libvirt URI/);
    socket.asked.length = 0;
    const on = await command('on', 'm1', '--wait', '--comment', 'for a look');
    assert.deepEqual(
      [on.code, on.output],
      [
        0,
        [
          `m1.maas (${id}): switched on.`,
          asPrinted(
            'It is Ready and has nothing to do: when it boots from the network, Rackboot tells it to switch off. ' +
              'To keep it on: rackboot machines rescue m1',
            rack.configFile,
          ),
        ],
      ],
    );
    await socket.became('off');
    const status = await command('status', 'm1');
    assert.match(status.output.join('\n'), /^Power +off$/m);
    const all = await command('status');
    assert.match(all.output.join('\n'), /^m1\.maas +webhook +off +\S.* ago/m);
    socket.isSilent = true;
    await good('POST', `machines/${id}/?op=power_cycle`);
    const busy = await ask('POST', `machines/${id}/?op=power_off`);
    assert.deepEqual([busy.status, /is being switched off and on at this moment/.test(busy.text)], [503, true]);
    await eventually('the question to switch it off', () => socket.count('off') === 1);
    socket.speak();
    await eventually('the end', async () => (await machine()).power_task === '');
    assert.deepEqual(socket.asked, ['on', 'off', 'on']);
  });

  test('is not switched again by a daemon that was killed meanwhile, which then sees the result', async () => {
    await socket.became('off');
    socket.asked.length = 0;
    socket.isSilent = true;
    await good('POST', `machines/${id}/?op=power_on`);
    await eventually('the question to switch it on', () => socket.count('on') === 1);
    await rack.kill();
    socket.speak();
    await rack.startWhole();
    await eventually('the end of the command', async () => (await machine()).power_task === '');
    const { text } = await ask('GET', `events/?op=query&id=${id}&limit=50&level=DEBUG`);
    // It depends on whether the machine's first request was on disk before the daemon died.
    assert.match(text, /perhaps switched on: Rackboot ended during this action|switched on, then powered off again/);
    // The machine may still boot and switch itself off.
    await eventually('the state that its socket has', async () => {
      const { state } = await good('GET', `machines/${id}/?op=query_power_state`);
      return state === (socket.isOn ? 'on' : 'off');
    });
    assert.deepEqual(socket.asked, ['on']);
  });

  test('is switched by a BMC in the same way; a refused login fails at once, with the words of the BMC', {
    skip: missing('ipmi_sim', 'ipmitool'),
  }, async () => {
    const bmc = await LoopbackBmc.start(join(rack.directory, 'bmc'), [
      { name: 'maas', password: 's3cret-$x', level: 'operator' },
    ]);
    try {
      const password = join(rack.directory, 'password');
      writeFileSync(password, 's3cret-$x\nand more\n');
      await well(
        command(
          'set',
          'm1',
          'ipmi',
          `power_address=127.0.0.1:${bmc.port}`,
          'power_user=maas',
          `power_pass@${password}`,
        ),
      );
      assert.equal((await good('GET', `machines/${id}/?op=query_power_state`)).state, 'off');
      await good('POST', `machines/${id}/?op=power_on`);
      await eventually('it to be on', async () => (await machine()).power_state === 'on');
      assert.deepEqual([bmc.power, bmc.changes], ['on', ['power 1']]);
      await good('POST', `machines/${id}/?op=power_off`, { stop_mode: 'soft' });
      await eventually('its end', () => bmc.power === 'off');
      await eventually('the end', async () => (await machine()).power_task === '');
      await good('PUT', `machines/${id}/`, { power_parameters_power_pass: 'wrong-$y' });
      await good('POST', `machines/${id}/?op=commission`);
      await is('Failed commissioning');
      const { status_message: said } = await machine();
      assert.match(String(said), /^power cycle failed: .*(?:password|RAKP|auth)/i);
      assert.ok(!String(said).includes('wrong-$y'));
    } finally {
      await bmc.stop();
    }
  });

  test('does not delay the end of a daemon that is asked to stop meanwhile', async () => {
    const webhook = JSON.stringify(power.powerParameters('m1'));
    await good('PUT', `machines/${id}/`, { power_type: 'webhook', power_parameters: webhook });
    socket.asked.length = 0;
    socket.isSilent = true;
    await good('POST', `machines/${id}/?op=power_on`);
    await eventually('the question to switch it on', () => socket.count('on') === 1);
    const startedAt = performance.now();
    assert.equal(await rack.stop(), 0);
    assert.ok(performance.now() - startedAt < 15_000, `${performance.now() - startedAt} ms`);
    const store = openRegionStore({ stateDir: rack.stateDir });
    assert.deepEqual([(await store.findMachine(id))?.powerTask, await store.power.listUnended()], [undefined, []]);
    await store.close();
  });
});
