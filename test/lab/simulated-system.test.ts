// The cloud-init of a simulated machine: it reads its user data with its own key, and reports a simulated run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentRequest } from '../../src/lab/simulated-agent.ts';
import { describeUserDataRun, startSystem } from '../../src/lab/simulated-machine.ts';

/** In the region's format: nested mappings are in one line. */
const CONFIG = `datasource_list: ["MAAS"]
datasource:
  MAAS: {"consumer_key": "ck", "token_key": "tk", "token_secret": "ts", "metadata_url": "http://127.77.0.1:5248/MAAS/metadata/"}
reporting:
  rackboot: {"type": "webhook", "endpoint": "http://127.77.0.1:5248/MAAS/metadata/status/abc123", "consumer_key": "ck", "token_key": "tk", "token_secret": "ts"}
`;

function run(cloudConfig: string, userData: { status: number; text: string }): AgentRequest[] {
  const work = startSystem(cloudConfig);
  const asked: AgentRequest[] = [];
  for (let next = work.next(); ; ) {
    if (next.done === true) {
      assert.deepEqual(next.value, { kind: 'up' });
      return asked;
    }
    asked.push(next.value);
    next = work.next(next.value.method === 'GET' ? userData : { status: 200, text: '' });
  }
}

test('it reads its user data and reports its start and end, each time with its key', () => {
  const [read, start, finish, ...rest] = run(CONFIG, { status: 200, text: '#cloud-config\nruncmd:\n  - touch /x\n' });
  assert.equal(rest.length, 0);
  assert.match(
    start?.fields?.Authorization ?? '',
    /^OAuth .*oauth_consumer_key="ck", oauth_token="tk", oauth_signature="%26ts"/,
  );
  assert.equal(start?.url, 'http://127.77.0.1:5248/MAAS/metadata/status/abc123');
  assert.equal(read?.url, 'http://127.77.0.1:5248/MAAS/metadata/latest/user-data');
  assert.deepEqual(JSON.parse(finish?.body ?? ''), {
    origin: 'cloudinit',
    name: 'modules-final',
    event_type: 'finish',
    result: 'SUCCESS',
    description: 'ran 2 lines of user data (simulated), the last: touch /x',
  });
});

test('without user data it says so; without a key on its disk it sends nothing', () => {
  const asked = run(CONFIG, { status: 404, text: '' });
  assert.deepEqual(
    asked.map(({ body }) => /user data/.test(body ?? '')),
    [false, false, true],
    'missing user data is not announced',
  );
  const last = asked.at(-1);
  assert.match(last?.body ?? '', /ran no user data \(simulated\)/);
  assert.deepEqual(run('', { status: 404, text: '' }), []);
});

test('the quoted part of user data is short', () => {
  assert.equal(describeUserDataRun('one'), 'ran 1 line of user data (simulated), the last: one');
  assert.ok(describeUserDataRun(`a\n${'x'.repeat(10_000)}`).length < 150);
});
