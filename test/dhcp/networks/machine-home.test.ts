// Where a machine is at home: on one shared network of a rack, whatever networks that has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { awayFrom } from '../../../src/dhcp/networks/machine-home.ts';
import { ip } from '../../support/lab-facts.ts';

const parsed = parseConfig(`name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.200 }
  - { name: lab-too, interface: eth1, ip: 10.21.0.1, network: 10.21.0.0/24, ip_range_low: 10.21.0.100, ip_range_high: 10.21.0.200 }
  - { name: far, relayed: true, management: 1, network: 10.30.0.0/24, ip_range_low: 10.30.0.10, ip_range_high: 10.30.0.250, dns_servers: [10.20.0.1] }
  - { name: hall, relayed: true, shared: hall, management: 1, network: 10.40.0.0/24, ip_range_low: 10.40.0.10, ip_range_high: 10.40.0.250, dns_servers: [10.20.0.1] }
  - { name: hall-too, relayed: true, shared: hall, management: 1, network: 10.41.0.0/24, ip_range_low: 10.41.0.10, ip_range_high: 10.41.0.250, dns_servers: [10.20.0.1] }
`);
const config = parsed.ok ? parsed.config.dhcp : assert.fail(JSON.stringify(parsed.problems));

const CASES: readonly (readonly [home: string | undefined, address: string, away: string | undefined])[] = [
  [undefined, '10.20.0.100', undefined],
  ['10.20.0.9', '10.20.0.100', undefined],
  ['10.20.0.9', '10.21.0.100', undefined],
  ['10.20.0.9', '10.30.0.100', 'far lab'],
  ['10.30.0.9', '10.20.0.100', 'lab far'],
  ['10.40.0.9', '10.41.0.100', undefined],
  ['10.40.0.9', '10.30.0.100', 'far hall'],
  ['10.50.0.9', '10.20.0.100', 'lab 10.50.0.9'],
  ['10.20.0.9', '10.60.0.100', '10.60.0.100 lab'],
  ['10.50.0.9', '10.60.0.100', undefined],
];

for (const [home, address, expected] of CASES) {
  test(`a machine at home at ${home ?? 'no known place'} is ${expected === undefined ? 'at home' : 'away'} with ${address}`, () => {
    const away = awayFrom({ home: home === undefined ? undefined : ip(home) }, ip(address), config);
    assert.equal(away && `${away.network} ${away.home ?? away.homeAddress}`, expected);
  });
}
