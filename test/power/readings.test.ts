import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, later } from '../../src/ground/clock.ts';
import { outcome } from '../../src/power/outcome.ts';
import {
  AFTER_COMMAND_MS,
  INTERVALS_MAX,
  POWER_QUERY_EVERY_MS,
  PowerReadings,
  QUERIES_APART_MS,
} from '../../src/power/readings.ts';
import { spoken } from '../support/sentences.ts';

const NOW = instant(1_000_000);
const AWAY = outcome('unreachable', spoken('nobody there'));

test('a watched machine is queried within an interval, and then once in each', () => {
  const readings = new PowerReadings();
  readings.watch('m', NOW, 0.5);
  assert.equal(readings.takeDue(later(NOW, POWER_QUERY_EVERY_MS / 2 - 1), 0), undefined);
  const due = later(NOW, POWER_QUERY_EVERY_MS / 2);
  assert.equal(readings.takeDue(due, 0.5), 'm');
  assert.equal(readings.takeDue(due, 0.5), undefined);
  assert.equal(readings.nextAt, later(due, POWER_QUERY_EVERY_MS));
});

test('without answers a state keeps its true age, and is queried ever more rarely', () => {
  const readings = new PowerReadings();
  readings.watch('m', NOW, 0);
  readings.recordAnswer('m', outcome('done', spoken('on'), 'on'), NOW, 0.5);
  assert.deepEqual(readings.get('m'), { state: 'on', seenAt: NOW, failure: undefined });
  const waits = [1, 2, 3, 4, 5].map((minutes) => {
    const at = later(NOW, minutes * 60_000);
    readings.recordAnswer('m', AWAY, at, 0.5);
    assert.deepEqual(readings.get('m'), { state: 'on', seenAt: NOW, failure: AWAY });
    return ((readings.nextAt ?? 0) - at) / POWER_QUERY_EVERY_MS;
  });
  assert.deepEqual(waits, [2, 4, 8, INTERVALS_MAX, INTERVALS_MAX]);
  readings.recordAnswer('m', outcome('done', spoken('off'), 'off'), later(NOW, 1), 0.5);
  assert.equal(readings.nextAt, later(NOW, 1 + POWER_QUERY_EVERY_MS));
});

test('the end of a command is a reading, and is soon verified', () => {
  const readings = new PowerReadings();
  readings.watch('m', NOW, 1);
  readings.recordCommandEnd('m', outcome('done', spoken('switched'), 'on'), NOW);
  assert.equal(readings.get('m')?.state, 'on');
  assert.equal(readings.nextAt, later(NOW, AFTER_COMMAND_MS));
  const lost = outcome('unknown', spoken('no end'));
  readings.recordCommandEnd('m', lost, later(NOW, 5));
  assert.deepEqual(readings.get('m'), { state: 'unknown', seenAt: later(NOW, 5), failure: lost });
});

test('a forgotten machine is neither known nor queried', () => {
  const readings = new PowerReadings();
  readings.watch('m', NOW, 0);
  readings.forget('m');
  readings.recordAnswer('m', AWAY, NOW, 0);
  assert.equal(readings.get('m'), undefined);
  assert.equal(readings.nextAt, undefined);
});

test('with many machines each is queried less often, so that a second has only a few queries', () => {
  const readings = new PowerReadings();
  const count = 4000;
  for (let index = 0; index < count; index += 1) readings.watch(`m${index}`, NOW, index / count);
  let asked = 0;
  const hourMs = 3_600_000;
  for (let at = NOW; at <= NOW + hourMs; at = later(at, 1000)) {
    for (let due = readings.takeDue(at, 0.5); due !== undefined; due = readings.takeDue(at, 0.5)) asked += 1;
  }
  const most = (hourMs / QUERIES_APART_MS) * 1.2;
  assert.ok(asked > count && asked < most, `${asked} questions in an hour`);
});
