// Notes on keys of a valid configuration that have no effect, and warnings of those that open a door to everybody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { findOpenListeners, listConfigNotes } from '../../src/config/notes.ts';
import { noteText } from '../../src/region/reports/notes.ts';

const PROXIED = `cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, mode: proxy, ntp_servers: [10.20.0.9] }
`;
const SERVED = `cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.110 }
`;
const OPTIONS = `dhcp:
  options: [{ code: 26, value: 1400 }, { name: ntp-servers, value: [10.20.0.8] }, { code: 224, type: text, value: a }]
`;

const CASES: readonly (readonly [name: string, text: string, notes: readonly RegExp[]])[] = [
  [
    'options for all networks are not sent in a network in proxy mode',
    PROXIED + OPTIONS,
    [/^lab is in proxy mode.*: \S+, 224 of/],
  ],
  ['without options there is no note', PROXIED, []],
  ['if this rack gives the addresses, there is no note', SERVED + OPTIONS, []],
];

for (const [name, text, expected] of CASES) {
  test(name, () => {
    const parsed = parseConfig(text);
    assert.ok(parsed.ok, parsed.ok ? '' : formatProblems('f', parsed.problems));
    const notes = listConfigNotes(parsed.config).map(noteText);
    assert.equal(notes.length, expected.length, notes.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(notes[index] ?? '', pattern);
  });
}

for (const [key, yaml] of [
  ['tftp.allow', (list: string) => `tftp: { allow: ${list} }\n`],
  ['dns.allow_recursion', (list: string) => `dns: { allow_recursion: ${list} }\n`],
] as const) {
  test(`${key} for the whole Internet is warned of`, () => {
    const doors = (list: string): readonly string[] => {
      const parsed = parseConfig(SERVED + yaml(list));
      assert.ok(parsed.ok, parsed.ok ? '' : formatProblems('f', parsed.problems));
      return findOpenListeners(parsed.config).map(noteText);
    };
    for (const list of ['[0.0.0.0/0]', '[10.0.0.0/8, 0.0.0.0/1, 128.0.0.0/1]', '[64.0.0.0/7]']) {
      const [text = '', ...others] = doors(list);
      assert.deepEqual(others, []);
      assert.ok(text.startsWith(`${key} has `), text);
      assert.doesNotMatch(text, /10\.0\.0\.0\/8/);
      assert.match(text, /the Internet.*name only the networks of your machines/);
    }
    for (const list of ['[]', '[10.0.0.0/8, 192.0.2.0/24]']) assert.deepEqual(doors(list), []);
  });
}
