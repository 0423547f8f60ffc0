// `rackboot power check MACHINE` with a running daemon: it queries the machine's power controller, and shows no secrets.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { portOf } from '../support/listening-port.ts';
import { missing } from '../support/needs.ts';
import { RunningRack, well } from '../support/running-rack.ts';

test('a machine is queried by its name, and its secrets are not shown', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(labPlace(95));
  after(() => rack.remove());
  let asked = '';
  const hook = createServer((request, response) => {
    asked = request.headers.authorization ?? '';
    response.end('status: running');
  }).listen(0, '127.0.0.1');
  after(() => hook.close());
  await once(hook, 'listening');
  const origin = `http://127.0.0.1:${portOf(hook)}`;
  await rack.startWhole();

  const enlist = async (hostname: string, mac: string, power: Readonly<Record<string, string>>): Promise<void> => {
    const { power_type: type = '', ...parameters } = power;
    const fields = { hostname, mac_addresses: mac, architecture: 'amd64', power_type: type, commission: 'false' };
    // Parameters that would be refused now may have been stored unchecked before.
    const more = { power_parameters: JSON.stringify(parameters), power_parameters_skip_check: 'true' };
    const form = new URLSearchParams({ ...fields, ...more }).toString();
    await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form);
  };
  await enlist('hooked', '52:54:00:95:00:01', {
    power_type: 'webhook',
    power_on_uri: `${origin}/on`,
    power_off_uri: `${origin}/off`,
    power_query_uri: `${origin}/state`,
    power_token: 'hunter2',
  });
  await enlist('wrong', '52:54:00:95:00:02', { power_type: 'ipmi', power_pass: 'hunter2', power_adress: '10.0.0.5' });
  await enlist('waker', '52:54:00:95:00:03', { power_type: 'ether_wake' });
  const check = (what: string, ...more: readonly string[]) => rack.rackboot('power', 'check', what, ...more);

  const good = await well(check('hooked', '--json'));
  const { system_id: _, ...answer } = JSON.parse(good);
  assert.deepEqual(answer, {
    power_type: 'webhook',
    controller: `webhook ${origin.slice(7)}`,
    outcome: 'done',
    state: 'on',
    text: 'power_on_regex matches the answer',
    said: 'status: running',
  });
  assert.equal(asked, 'Bearer hunter2');

  const wrong = await check('wrong');
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.complaints.join('\n'),
    /power_parameters of wrong\.\S+ are unusable: .*power_adress: not a parameter/,
  );
  assert.doesNotMatch(wrong.complaints.join('\n'), /hunter2/);
  const waker = await check('waker');
  assert.match(
    waker.complaints.join('\n'),
    /the power_type of \S+ is unknown \(ether_wake\): set one by `sudo .*power set.*` \(manual, .*\)/,
  );
  assert.equal((await check('nobody')).code, 1);
});
