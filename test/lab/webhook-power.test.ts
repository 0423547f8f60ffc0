// The power of a lab: switched only with the token, and only if the state changes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PowerSocket, WebhookPower } from '../../src/lab/webhook-power.ts';

const TOKEN = 'token-of-the-lab';
const done: string[] = [];
const power = new WebhookPower('127.0.0.1', TOKEN);
const socket = power.plug(new PowerSocket('m1', { on: () => void done.push('on'), off: () => void done.push('off') }));

before(() => power.listen());
after(() => power.close());

const ask = async (url: string | undefined, method: string, token?: string): Promise<readonly [number, string]> => {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch(url ?? '', { method, headers });
  return [answer.status, await answer.text()];
};

test('a request without the token is refused, and switches nothing', async () => {
  const { power_on_uri: on, power_query_uri: state } = power.powerParameters('m1');
  for (const token of [undefined, 'another', `${TOKEN}x`]) {
    assert.equal((await ask(on, 'POST', token))[0], 401);
    assert.equal((await ask(state, 'GET', token))[0], 401);
  }
  assert.deepEqual([done, socket.isOn], [[], false]);
});

test('the token is a secret parameter of the driver, and in no URL', () => {
  const { power_token: token, ...rest } = power.powerParameters('m1');
  assert.equal(token, TOKEN);
  assert.ok(!JSON.stringify(rest).includes(TOKEN));
});

test('a machine is switched once per change, and reports its state', async () => {
  const { power_on_uri: on, power_off_uri: off, power_query_uri: state } = power.powerParameters('m1');
  assert.deepEqual(await ask(on, 'POST', TOKEN), [200, '{"status": "running"}']);
  await ask(on, 'POST', TOKEN);
  assert.match((await ask(state, 'GET', TOKEN))[1], /running/);
  assert.deepEqual(await ask(off, 'POST', TOKEN), [200, '{"status": "stopped"}']);
  assert.deepEqual(done, ['on', 'off']);
  assert.equal((await ask(state?.replace('m1', 'm2'), 'GET', TOKEN))[0], 404);
});
