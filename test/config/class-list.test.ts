// Classes in the configuration: the message for each mistake, what the store may own, and what has no effect.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { compareConfigs, formatChange } from '../../src/config/difference.ts';
import { parseConfig } from '../../src/config/load.ts';
import { listConfigNotes } from '../../src/config/notes.ts';
import { noteText } from '../../src/region/reports/notes.ts';

const lab = (own: string, more = ''): string => `cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    classes: [${own}]
    ${more === '' ? 'ip_range_low: 10.20.0.100\n    ip_range_high: 10.20.0.199' : more}
`;
const problemsOf = (text: string): string => {
  const parsed = parseConfig(text);
  return parsed.ok ? '' : formatProblems('f', parsed.problems);
};
const ANY = 'when: { hostname: "*" }';

const REFUSED: readonly (readonly [name: string, own: string, message: RegExp])[] = [
  ['no name', `{ ${ANY}, deny: true }`, /classes\[0\]\.name: missing: expected a name/],
  ['a name with a space', `{ name: a b, ${ANY}, deny: true }`, /classes\[0\]\.name: expected a name of letters/],
  [
    'one name twice',
    `{ name: a, ${ANY}, deny: true }, { name: a, ${ANY}, deny: false }`,
    /cluster_interfaces\[0\]\.classes\[1\]\.name: "a" is also the name of \[0\]/,
  ],
  [
    'no condition',
    '{ name: a, deny: true }',
    /classes\[0\]\.when: missing: expected a condition such as \{ hostname: "arm-\*" \}/,
  ],
  ['text as a condition', '{ name: a, when: x, deny: true }', /classes\[0\]\.when: expected a condition such as/],
  ['an empty condition', '{ name: a, when: {}, deny: true }', /classes\[0\]\.when: is empty: name hostname, mac/],
  ['an unknown condition', '{ name: a, when: { host: x }, deny: true }', /classes\[0\]\.when\.host: unknown key/],
  ['an unknown key', `{ name: a, ${ANY}, denies: true }`, /classes\[0\]\.denies: unknown key/],
  ['no effect', `{ name: a, ${ANY} }`, /classes\[0\]: changes nothing: add options, loaders, lease_time or deny/],
  [
    'options without effect',
    `{ name: a, ${ANY}, deny: true, options: [{ code: 17, value: x }] }`,
    /classes\[0\]\.options: has no effect because the class has deny: true/,
  ],
  ['a lease of a second', `{ name: a, ${ANY}, lease_time: 1 }`, /classes\[0\]\.lease_time: 1 second is outside 30/],
  [
    'an illegal option',
    `{ name: a, ${ANY}, options: [{ code: 23, value: 0 }] }`,
    /classes\[0\]\.options\[0\]\.value: 0 is not legal: option 23/,
  ],
  ['a loader for no architecture', `{ name: a, ${ANY}, loaders: { uefi: x } }`, /loaders.*number of option 93/],
  ['a host name with a dot', '{ name: a, when: { hostname: a.b }, deny: true }', /hostname: .*expected a host name/],
  ['a star inside', '{ name: a, when: { hostname: "a*b" }, deny: true }', /hostname: .*start or end/],
  ['a malformed address', '{ name: a, when: { mac: 52-54-0 }, deny: true }', /mac: .*hardware address or its first/],
  ['an empty list', '{ name: a, when: { mac: [] }, deny: true }', /when\.mac/],
];
for (const [name, own, message] of REFUSED) {
  test(`a class with ${name} is refused`, () => assert.match(problemsOf(lab(own)), message));
}

test('a class for every network is checked like a network’s class, and may not set options that differ between networks', () => {
  const general = (words: string): string =>
    problemsOf(`${lab('')}dhcp: { classes: [{ name: a, ${ANY}, ${words} }] }\n`);
  assert.equal(general('lease_time: 1h'), '');
  assert.match(general('lease_time: 1'), /dhcp\.classes\[0\]\.lease_time: 1 second is outside/);
  assert.match(
    general('options: [{ code: 1, value: 255.0.0.0 }]'),
    /dhcp\.classes\[0\]\.options\[0\]: option 1 differs/,
  );
});

test('a class can be of every client', () => {
  assert.equal(problemsOf(lab('{ name: a, when: { mac: "*" }, deny: true }')), '');
  assert.match(problemsOf(lab('{ name: a, when: { mac: "52:*" }, deny: true }')), /mac: .*hardware address/);
});

test('more classes than CLASSES_MAX are refused', () => {
  const many = Array.from({ length: 65 }, (_, index) => `{ name: c${index}, ${ANY}, deny: false }`);
  assert.match(problemsOf(lab(many.join(', '))), /classes: /);
  assert.equal(problemsOf(lab(many.slice(1).join(', '))), '');
});

test('in proxy mode options and lease times are refused in a network’s class, and noted in a class for every network', () => {
  const problems = problemsOf(
    lab(`{ name: a, ${ANY}, lease_time: 1h, options: [{ code: 17, value: x }] }`, 'mode: proxy'),
  );
  assert.match(problems, /classes\[0\]\.options: in proxy mode another DHCP server/);
  assert.match(problems, /classes\[0\]\.lease_time: in proxy mode another DHCP server/);
  const parsed = parseConfig(
    `${lab('', 'mode: proxy')}dhcp: { classes: [{ name: a, ${ANY}, lease_time: 1h }, { name: b, ${ANY}, deny: true }] }\n`,
  );
  assert.ok(parsed.ok);
  assert.deepEqual(listConfigNotes(parsed.config).map(noteText), [
    'lab is in proxy mode, and another DHCP server gives its addresses and options: options and lease times of a of dhcp.classes have no effect there; configure them on that server.',
  ]);
});

test('the region’s store may own the classes for every network, and a change of them is shown by its key', () => {
  const stored = (lease: string) =>
    parseConfig(lab(''), { dhcp: { classes: [{ name: 'a', when: { mac: '52:54:00' }, lease_time: lease }] } });
  const [before, after] = [stored('1h'), stored('2h')];
  assert.ok(before.ok && after.ok);
  assert.equal(before.config.dhcp.subnets[0]?.classes?.[0]?.leaseTime, 3600);
  assert.deepEqual(compareConfigs(before, after).map(formatChange), [
    'dhcp.classes: [{name: a, when: {mac: 52:54:00}, lease_time: 1h}] → [{name: a, when: {mac: 52:54:00}, lease_time: 2h}]',
  ]);
});
