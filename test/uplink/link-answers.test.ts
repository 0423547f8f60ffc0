// A rack cleans a region's texts when it reads them: another person may run the region.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { HEARD_ADDRESSES_MAX, type RackTask, rackTaskJson } from '../../src/region/records/rack-request.ts';
import { noteText } from '../../src/region/reports/notes.ts';
import {
  composeRedirectionNote,
  findRegistrationRefusal,
  parseAnswerText,
  parseEventsAnswer,
  parseHeartbeatAnswer,
  parseRackRequest,
} from '../../src/uplink/link-answers.ts';

const SAID = '\u001b[2J\u009b31m\u202eevil\u00ad\u{e0041}';
const SHOWN = '\\x1b[2J\\x9b31m\\u202eevil\\xad\\u{e0041}';

test('a region’s texts are shown with escapes: a sentence, a refusal, a version, and a location', () => {
  assert.equal(parseAnswerText(SAID), SHOWN);
  assert.equal(parseAnswerText(JSON.stringify({ text: SAID })), SHOWN);
  assert.equal(
    parseEventsAnswer(JSON.stringify({ stored: 1, refused: [{ sequence: 1, reason: SAID }] }))?.refused[0]?.reason,
    SHOWN,
  );
  assert.equal(parseHeartbeatAnswer(JSON.stringify({ version: SAID, uplink: 1 }))?.version, SHOWN);
  assert.match(
    noteText(composeRedirectionNote('http://region', { status: 301, location: SAID })),
    /to \\x1b\[2J\\x9b31m\\u202eevil/,
  );
  const rack = { name: 'far', keyFile: '/key' };
  for (const status of [202, 401, 403, 409]) {
    const refusal = findRegistrationRefusal({ status, retryAfterMs: undefined, body: SAID }, rack);
    assert.ok(refusal !== undefined && noteText(refusal.note).includes(SHOWN), String(status));
  }
});

test('a request to a rack is read whole, or not at all', () => {
  const good = { id: 'a', kind: 'clear', address: '10.20.0.1' };
  assert.deepEqual(parseRackRequest(JSON.stringify(good)), {
    id: 'a',
    task: { kind: 'clear', address: ipv4(0x0a14_0001) },
  });
  const search = { id: 'b', kind: 'search', interface: 'eth0' };
  assert.deepEqual(parseRackRequest(JSON.stringify(search)), {
    id: 'b',
    task: { kind: 'search', interface: 'eth0' },
  });
  assert.equal(parseRackRequest(JSON.stringify({ ...search, interface: 1 })), undefined);
  for (const wrong of [{ id: 1 }, { kind: 'import' }, { address: '10.20.0' }, { address: undefined }])
    assert.equal(parseRackRequest(JSON.stringify({ ...good, ...wrong })), undefined, JSON.stringify(wrong));
});

test('a request to wake or hear a host arrives as it was sent, and no longer than its bounds', () => {
  const [host, near] = [mac(0x525400770001), ipv4(0x0a14_0001)];
  const tasks: readonly RackTask[] = [
    { kind: 'wake', mac: host, password: '0102030405ff', near },
    { kind: 'wake', mac: host, password: undefined, near: undefined },
    { kind: 'hear', mac: host, addresses: [near] },
  ];
  const sent = (task: RackTask): object => ({ id: 'a', ...rackTaskJson(task) });
  for (const task of tasks) assert.deepEqual(parseRackRequest(JSON.stringify(sent(task))), { id: 'a', task });
  const addresses = Array.from({ length: 100 }, (_, index) => ipv4(near + index));
  const parsed = parseRackRequest(JSON.stringify(sent({ kind: 'hear', mac: host, addresses })));
  assert.equal(parsed?.task.kind === 'hear' ? parsed.task.addresses.length : 0, HEARD_ADDRESSES_MAX);
  for (const wrong of [{ mac: '52:54' }, { mac: undefined }, { mac: 7 }])
    assert.equal(
      parseRackRequest(JSON.stringify({ ...sent({ kind: 'hear', mac: host, addresses }), ...wrong })),
      undefined,
    );
  for (const password of ['01:02', 'x'.repeat(12), '01'.repeat(5000)]) {
    const request = parseRackRequest(JSON.stringify({ id: 'a', kind: 'wake', mac: '52:54:00:77:00:01', password }));
    assert.deepEqual(request?.task, { kind: 'wake', mac: host, password: undefined, near: undefined });
  }
});

test('an answer that would exhaust the parser is not parsed', (context) => {
  const parse = context.mock.method(JSON, 'parse');
  for (const body of ['['.repeat(1024 * 1024), `{"stored":1,"refused":[${'{},'.repeat(100_000)}{}]}`]) {
    assert.equal(parseEventsAnswer(body), undefined);
    assert.equal(parseAnswerText(body).length, 300);
  }
  assert.equal(parse.mock.callCount(), 0);
  const refused = Array.from({ length: 256 }, (_, sequence) => ({ sequence, reason: 'too old' }));
  assert.deepEqual(parseEventsAnswer(JSON.stringify({ stored: 1, refused })), { stored: 1, refused });
});

test('a region’s texts are shown up to a bound', () => {
  assert.equal(parseAnswerText('x'.repeat(5000)).length, 300);
  const long = JSON.stringify({ stored: 1, refused: [{ sequence: 1, reason: 'x'.repeat(5000) }] });
  assert.equal(parseEventsAnswer(long)?.refused[0]?.reason.length, 512);
  assert.equal(parseHeartbeatAnswer(JSON.stringify({ version: 'x'.repeat(500), uplink: 1 }))?.version.length, 64);
});
