// Reservations in the configuration: the result of each key, and the message for each mistake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { describeRack } from '../../src/daemon/rack/description.ts';

const parse = (hosts: string) =>
  parseConfig(`cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.199
    hosts: [${hosts}]
`);
const problemsOf = (hosts: string): string => {
  const parsed = parse(hosts);
  return parsed.ok ? '' : formatProblems('f', parsed.problems);
};
function configOf(hosts: string) {
  const parsed = parse(hosts);
  return parsed.ok ? parsed.config : assert.fail(formatProblems('f', parsed.problems));
}

const ACCEPTED: readonly (readonly [name: string, keys: string, field: string, bytes: string])[] = [
  ['an identifier of bytes', 'client_id: "ff:00:12:34"', 'clientId', 'ff001234'],
  ['an identifier of text', 'client_id: printer', 'clientId', '7072696e746572'],
  ['a DUID of bytes', 'duid: "00:03:00:01:52:54:00:12:34:56"', 'duid', '00030001525400123456'],
  ['a DUID of digits', 'duid: "0x000400112233"', 'duid', '000400112233'],
  ['a circuit of text', 'circuit_id: "ge-0/0/1"', 'circuitId', '67652d302f302f31'],
  ['a circuit of bytes', 'circuit_id: "0x0004001A"', 'circuitId', '0004001a'],
  ['a remote id of bytes', 'remote_id: "0x000652540012"', 'remoteId', '000652540012'],
];
for (const [name, keys, field, bytes] of ACCEPTED) {
  test(`${name} alone reserves an address`, () => {
    const [reservation] = configOf(`{ ${keys}, ip: 10.20.0.5 }`).dhcp.subnets[0]?.reservations ?? [];
    const { address, hostname, ...others } = reservation ?? assert.fail();
    const said = Object.entries(others).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
    assert.deepEqual(said, [[field, Buffer.from(bytes, 'hex').toString('latin1')]]);
  });
}

test('similar but different reservations are not duplicates', () => {
  const hosts = [
    '{ circuit_id: a, ip: 10.20.0.5 }',
    '{ circuit_id: a, remote_id: b, ip: 10.20.0.6 }',
    '{ remote_id: b, ip: 10.20.0.7 }',
    '{ remote_id: a, ip: 10.20.0.8 }',
    '{ client_id: a, ip: 10.20.0.9 }',
    '{ client_id: "ff:00:00:00:01:00:04:01", ip: 10.20.0.10 }',
    '{ duid: "00:04:01", ip: 10.20.0.11 }',
  ];
  assert.equal(problemsOf(hosts.join(', ')), '');
});

const MAC = 'mac: "52:54:00:00:00:01"';
const REFUSED: readonly (readonly [name: string, hosts: string, message: RegExp])[] = [
  ['nobody', '{ ip: 10.20.0.5 }', /hosts\[0\]: names no client and no place: /],
  [
    'a client at a place',
    `{ ${MAC}, circuit_id: a, ip: 10.20.0.5 }`,
    /hosts\[0\]: names both a client .* and a place .*; split it into two entries/,
  ],
  ['a DUID of two bytes', '{ duid: "00:04", ip: 10.20.0.5 }', /hosts\[0\]\.duid: expected a DUID: 3 to 130 bytes/],
  ['a DUID of text', '{ duid: printer, ip: 10.20.0.5 }', /hosts\[0\]\.duid: expected a DUID/],
  ['a DUID that is too long', `{ duid: "0x${'00'.repeat(131)}", ip: 10.20.0.5 }`, /hosts\[0\]\.duid: expected a DUID/],
  [
    'an empty circuit',
    '{ circuit_id: "", ip: 10.20.0.5 }',
    /hosts\[0\]\.circuit_id: expected a circuit id as sent by the relay/,
  ],
  [
    'a circuit of bytes without quotes',
    '{ circuit_id: 0x67652d302f302f31, ip: 10.20.0.5 }',
    /hosts\[0\]\.circuit_id: expected .*"0x0004001a"/,
  ],
  [
    'a remote id that starts like bytes but is text',
    '{ remote_id: "0xzz", ip: 10.20.0.5 }',
    /hosts\[0\]\.remote_id: expected a remote id .*, found "0xzz"/,
  ],
  ['half a byte', '{ circuit_id: "0x123", ip: 10.20.0.5 }', /hosts\[0\]\.circuit_id: expected a circuit id/],
  [
    'a remote id that is too long',
    `{ remote_id: "${'a'.repeat(256)}", ip: 10.20.0.5 }`,
    /hosts\[0\]\.remote_id: expected a remote id as sent by the relay/,
  ],
  [
    'a card twice',
    `{ ${MAC}, ip: 10.20.0.5 }, { ${MAC}, ip: 10.20.0.6 }`,
    /cluster_interfaces\[0\]\.hosts\[1\]\.mac: .*52:54:00:00:00:01 is also in hosts\[0\]\.mac/,
  ],
  [
    'an identifier twice, as text and as bytes',
    `{ client_id: ab, ip: 10.20.0.5 }, { ${MAC}, client_id: "61:62", ip: 10.20.0.6 }`,
    /hosts\[1\]\.client_id: .*\bab is also in hosts\[0\]\.client_id/,
  ],
  [
    'a DUID twice',
    '{ duid: "00:04:01", ip: 10.20.0.5 }, { duid: "0x000401", ip: 10.20.0.6 }',
    /hosts\[1\]\.duid: the DUID 0x000401 is also in hosts\[0\]\.duid/,
  ],
  [
    'a circuit twice',
    '{ circuit_id: "0x6162", ip: 10.20.0.5 }, { circuit_id: ab, ip: 10.20.0.6 }',
    /hosts\[1\]\.circuit_id: .*\bab is also in hosts\[0\]\.circuit_id/,
  ],
  [
    'a remote id twice',
    '{ remote_id: ab, ip: 10.20.0.5 }, { remote_id: ab, ip: 10.20.0.6 }',
    /hosts\[1\]\.remote_id: .*\bab is also in hosts\[0\]\.remote_id/,
  ],
  [
    'a port twice',
    '{ circuit_id: a, remote_id: b, ip: 10.20.0.5 }, { circuit_id: a, remote_id: b, ip: 10.20.0.6 }',
    /hosts\[1\]\.circuit_id: .*\ba with the remote id b is also in hosts\[0\]\.circuit_id/,
  ],
  [
    'an address twice',
    '{ circuit_id: a, ip: 10.20.0.5 }, { duid: "00:04:01", ip: 10.20.0.5 }',
    /hosts\[1\]\.ip: 10\.20\.0\.5 is also in hosts\[0\]\.ip/,
  ],
];
for (const [name, hosts, message] of REFUSED) {
  test(`a reservation for ${name} is refused`, () => assert.match(problemsOf(hosts), message));
}

test('the region learns every reserved address and its name, so that it gives none of them to a machine', () => {
  const config = configOf(
    `{ ${MAC}, ip: 10.20.0.5, hostname: DB }, { circuit_id: a, ip: 10.20.0.6 }, { duid: "00:04:01", ip: 10.20.0.7 }`,
  );
  const [described] = describeRack(config, '0fd4c0a2-2c4e-4a3c-9a3b-0000000000aa', '0').interfaces;
  assert.deepEqual(described?.reservations, [
    { mac: '52:54:00:00:00:01', ip: '10.20.0.5', hostname: 'db' },
    { mac: '00:00:00:00:00:00', ip: '10.20.0.6' },
    { mac: '00:00:00:00:00:00', ip: '10.20.0.7' },
  ]);
});
