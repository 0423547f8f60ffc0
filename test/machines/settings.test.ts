// Settings are bounded when they are read, and never changed in place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  findSetting,
  interfaceName,
  listInterfaces,
  parseSettings,
  parseSettingValue,
  SETTINGS_DEPTH_MAX,
  SETTINGS_TEXT_MAX,
  SETTINGS_VALUES_MAX,
  type Settings,
  valueAt,
  withValue,
} from '../../src/machines/settings.ts';

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', null, /^expected keys with values$/],
  ['a list', [], /^expected keys with values$/],
  ['a text', 'x', /^expected keys with values$/],
  ['a function', { dns: { listen: () => 1 } }, /^dns\.listen: .* is not a value/],
  ['a number that cannot be written', { a: [1, Number.NaN] }, /^a\[1\]: NaN is not a value of a configuration$/],
  ['a text beyond the bound', { a: 'x'.repeat(SETTINGS_TEXT_MAX + 1) }, /^a: longer than 4096 characters$/],
  ['a key beyond the bound', { a: { ['x'.repeat(SETTINGS_TEXT_MAX + 1)]: 1 } }, /^a: longer than 4096 characters$/],
  ['more levels than the bound', { a: nested(SETTINGS_DEPTH_MAX) }, /deeper than 14 levels$/],
  ['more values than the bound', { a: Array(SETTINGS_VALUES_MAX).fill(0) }, /^more than 1000000 values$/],
];

for (const [name, value, reason] of REFUSED) {
  test(`${name} is refused, and the reason names the place`, () => {
    const parsed = parseSettings(value);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, reason);
  });
}

test('valid settings are read unchanged, and share no objects with the input', () => {
  const given = { dns: { upstream: ['192.0.2.1'] }, boot: { tree: null, n: 5, yes: true }, gone: undefined };
  const parsed = parseSettings(given);
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.settings, { dns: { upstream: ['192.0.2.1'] }, boot: { tree: null, n: 5, yes: true } });
  given.dns.upstream.push('changed');
  assert.deepEqual(valueAt(parsed.settings, 'dns.upstream'), ['192.0.2.1']);
  assert.equal(parseSettingValue(nested(SETTINGS_DEPTH_MAX + 1)), undefined);
  assert.deepEqual(parseSettingValue(nested(2)), [[1]]);
});

test('keys with the names of inherited properties are keys like any other', () => {
  const parsed = parseSettings(JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'));
  assert.ok(parsed.ok);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
  assert.equal(valueAt(parsed.settings, 'toString'), undefined);
  assert.equal(valueAt(withValue({}, '__proto__.polluted', true), '__proto__.polluted'), true);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});

const key = fc
  .array(fc.constantFrom('a', 'b', 'c', '__proto__'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('.'));

test('setting a value keeps the others, and removing it leaves no empty keys behind', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer()), { maxLength: 5 }), key, fc.integer(), (before, where, value) => {
      let settings: Settings = { z: { kept: 1 } };
      for (const [at, number] of before) settings = withValue(settings, at, number);
      const text = JSON.stringify(settings);
      const changed = withValue(settings, where, value);
      assert.equal(valueAt(changed, where), value);
      assert.equal(valueAt(changed, 'z.kept'), 1);
      assert.equal(valueAt(withValue(changed, where, undefined), where), undefined);
      assert.equal(JSON.stringify(settings), text, 'nothing is changed in place');
      assert.deepEqual(withValue(withValue({}, where, value), where, undefined), {});
    }),
  );
});

test('a cluster interface is found by its name, which may contain dots, and its fields below it', () => {
  const settings: Settings = {
    cluster_interfaces: [{ name: 'lab', ip: '1' }, { name: 'eth0.100', ip: '2', hosts: [] }, 'x'],
  };
  assert.deepEqual(findSetting(settings, 'cluster_interfaces.eth0.100'), { ip: '2', hosts: [] });
  assert.equal(findSetting(settings, 'cluster_interfaces.eth0.100.ip'), '2');
  assert.equal(findSetting(settings, 'cluster_interfaces.lab.ip'), '1');
  assert.equal(findSetting(settings, 'cluster_interfaces.other'), undefined);
  assert.equal(findSetting({ dns: { domain: 'x' } }, 'dns.domain'), 'x');
  assert.deepEqual(listInterfaces({ cluster_interfaces: 'none' }), []);
  assert.deepEqual(listInterfaces(settings).map(interfaceName), ['lab', 'eth0.100', '']);
});
