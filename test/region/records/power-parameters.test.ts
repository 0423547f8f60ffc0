// Parameters of power drivers are flat, printable and bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POWER_PARAMETERS_MAX, parsePowerParameters } from '../../../src/region/records/power-parameters.ts';

test('power parameters are a flat record of printable values', () => {
  assert.deepEqual(parsePowerParameters('{"power_address":"10.0.0.1","port":623,"ssl":true}'), {
    power_address: '10.0.0.1',
    port: 623,
    ssl: true,
  });
  const many = Object.fromEntries(Array.from({ length: POWER_PARAMETERS_MAX + 1 }, (_, index) => [`k${index}`, 1]));
  for (const text of ['', '[]', '1', '{"a":{}}', '{"a":null}', '{"a b":1}', '{"a":"x\\u0000"}', JSON.stringify(many)]) {
    assert.equal(parsePowerParameters(text), undefined, text.slice(0, 30));
  }
});
