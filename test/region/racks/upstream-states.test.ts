import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UpstreamStates } from '../../../src/region/racks/upstream-states.ts';

const report = (kind: string, address: string, at: number) => ({
  sequence: at,
  kind,
  at,
  address,
  params: { port: 53 },
  text: '',
});

test('an upstream has failed from its first report until it answers, at each rack', () => {
  const states = new UpstreamStates();
  states.note('rack-1', [
    report('dns.upstream-failed', '192.0.2.53', 1),
    report('dns.upstream-failed', '192.0.2.53', 5),
  ]);
  states.note('rack-2', [report('dns.upstream-failed', '192.0.2.53', 2), report('dhcp.ack', '10.20.0.9', 3)]);
  assert.deepEqual(states.failures(), [
    { server: '192.0.2.53:53', rack: 'rack-1', sinceMs: 1 },
    { server: '192.0.2.53:53', rack: 'rack-2', sinceMs: 2 },
  ]);
  states.note('rack-1', [report('dns.upstream-recovered', '192.0.2.53', 9)]);
  assert.deepEqual(states.failures(), [{ server: '192.0.2.53:53', rack: 'rack-2', sinceMs: 2 }]);
});

test('at most 1024 failures are known', () => {
  const states = new UpstreamStates();
  for (let number = 0; number < 2000; number += 1)
    states.note('rack-1', [report('dns.upstream-failed', `10.0.${number >> 8}.${number & 255}`, number)]);
  assert.equal(states.failures().length, 1024);
  assert.equal(states.failures().at(-1)?.sinceMs, 1999);
});
