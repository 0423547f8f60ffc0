// Notes on keys of a valid configuration that have no effect.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { configNotes } from '../../src/config/notes.ts';

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
    const notes = configNotes(parsed.config);
    assert.equal(notes.length, expected.length, notes.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(notes[index] ?? '', pattern);
  });
}
