// The text for Prometheus: well-formed families, with numbers and labels that a strict parser accepts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Durations } from '../../src/ground/counters.ts';
import { Exposition, labelSamples } from '../../src/observe/exposition.ts';
import { LAG_PERIOD_MS, LoopLag } from '../../src/observe/loop-lag.ts';
import { parseExposition } from '../support/exposition.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('families appear once, with help and type, and a strict parser reads every sample', () => {
  const out = new Exposition();
  out.counter('rackboot_things_total', 'Things, with a \\ and\na new line.', 3);
  out.gauge('rackboot_rooms', 'Rooms.', labelSamples('name', { 'a"b\\c\nd': 1, plain: 2.5, unknown: undefined }));
  out.gauge('rackboot_absent', 'Not known here.', undefined);
  out.gauge('rackboot_edges', 'Odd numbers.', labelSamples('n', { inf: Infinity, minus: -Infinity, small: 1e-9 }));
  const families = parseExposition(out.text());
  assert.deepEqual([...families.keys()], ['rackboot_things_total', 'rackboot_rooms', 'rackboot_edges']);
  assert.equal(families.get('rackboot_things_total')?.help, 'Things, with a \\ and\na new line.');
  assert.deepEqual(families.get('rackboot_rooms')?.samples, [
    { name: 'rackboot_rooms', labels: { name: 'a"b\\c\nd' }, value: 1 },
    { name: 'rackboot_rooms', labels: { name: 'plain' }, value: 2.5 },
  ]);
  assert.deepEqual(
    families.get('rackboot_edges')?.samples.map(({ value }) => value),
    [Infinity, -Infinity, 1e-9],
  );
});

test('adding a metric twice is a bug', () => {
  const out = new Exposition();
  out.gauge('rackboot_rooms', 'Rooms.', 1);
  assert.throws(() => out.gauge('rackboot_rooms', 'Rooms.', 1), /twice/);
});

test('the buckets of durations are cumulative, and end with the total', () => {
  const durations = new Durations([0.001, 0.01, 0.1]);
  for (const ms of [0.5, 1, 5, 50, 50, 5000]) durations.add(ms);
  const out = new Exposition();
  out.histogram('rackboot_wait_seconds', 'Waits.', durations.read());
  const family = parseExposition(out.text()).get('rackboot_wait_seconds');
  assert.equal(family?.type, 'histogram');
  assert.deepEqual(
    family?.samples.map(({ name, labels, value }) => [name.replace('rackboot_wait_seconds', ''), labels.le, value]),
    [
      ['_bucket', '0.001', 2],
      ['_bucket', '0.01', 3],
      ['_bucket', '0.1', 5],
      ['_bucket', '+Inf', 6],
      ['_sum', undefined, 5.1065],
      ['_count', undefined, 6],
    ],
  );
});

test('the loop lag is how late a timer fires', () => {
  const clock = new VirtualClock();
  const lag = new LoopLag(clock);
  clock.advance(LAG_PERIOD_MS * 10);
  assert.equal(lag.read().count, 10);
  assert.equal(lag.read().sumSeconds, 0);
  lag.close();
  clock.advance(LAG_PERIOD_MS * 10);
  assert.equal(lag.read().count, 10);
  assert.equal(clock.pending, 0, 'no timer is left');
});
