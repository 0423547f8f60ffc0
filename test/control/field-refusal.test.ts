// Refusals of the region, as lines for a person.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRefusalLines } from '../../src/control/field-refusal.ts';

const CASES: readonly (readonly [string, string, string])[] = [
  ['a sentence stays', 'There is no such key.', 'There is no such key.'],
  [
    'each problem of a field gets a line that names it',
    '{"hostname":["No."],"pool":["None.","Nor this."]}',
    'hostname: No.\npool: None.\npool: Nor this.',
  ],
  [
    'a problem that names its parameter or its whole key is not named again',
    '{"power_parameters":["power_on_uri: is invalid."],"router_ip":["cluster_interfaces.eth1.router_ip: no.","hostname: no."],"ip":["cluster_interfaces.eth1.hosts[39].ip: no."],"hosts[0]":["cluster_interfaces.eth1.hosts[0]: no."]}',
    'power_on_uri: is invalid.\ncluster_interfaces.eth1.router_ip: no.\nrouter_ip: hostname: no.\ncluster_interfaces.eth1.hosts[39].ip: no.\ncluster_interfaces.eth1.hosts[0]: no.',
  ],
  ['power parameters that are not named stay', '{"power_parameters":["No JSON."]}', 'power_parameters: No JSON.'],
  ['other JSON stays', '{"a":1}', '{"a":1}'],
  ['text that only starts like JSON stays', '{of no use', '{of no use'],
];

test('a command line names its options in the place of fields, and not those that need no name', () => {
  const names = { mem: '--memory', username: '' };
  assert.equal(
    formatRefusalLines(
      '{"mem":["is not a number"],"username":["The user exists."],"tags":["No."],"toString":["No."]}',
      names,
    ),
    '--memory: is not a number\nThe user exists.\ntags: No.\ntoString: No.',
  );
});

test('a long refusal ends with a whole line', () => {
  const lines = formatRefusalLines(
    JSON.stringify({ ip: Array.from({ length: 60 }, () => 'hosts[10].ip: is taken by another') }),
  );
  assert.ok(lines.length <= 1000);
  assert.ok(lines.endsWith('is taken by another'));
  assert.equal(formatRefusalLines('x'.repeat(2000)).length, 1000);
});

for (const [name, text, expected] of CASES) test(name, () => assert.equal(formatRefusalLines(text), expected));
