// A person who sets only the mode of a network gets the one command that puts it into proxy mode.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyCommand } from '../../../src/cli/config/proxy-command.ts';

const STORED = {
  cluster_interfaces: [
    { name: 'eth1', interface: 'eth1', ip: '10.20.0.1', network: '10.20.0.0/24', ip_range_low: '10.20.0.9', hosts: [] },
  ],
};
const REFUSED =
  'cluster_interfaces.eth1.ip_range_low: in proxy mode another DHCP server gives the addresses\n' +
  'cluster_interfaces.eth1.hosts: in proxy mode another DHCP server gives the addresses';

test('the command keeps the other keys, and names those that it removes', () => {
  assert.equal(
    proxyCommand('cluster_interfaces.eth1.mode', 'proxy', REFUSED, STORED),
    'Without ip_range_low, hosts, in one command: rackboot config set --replace cluster_interfaces.eth1 ' +
      `'{"interface":"eth1","ip":"10.20.0.1","network":"10.20.0.0/24","mode":"proxy"}'`,
  );
});

test('no command is named for another key, another value, another network or another refusal', () => {
  for (const [key, value, refused] of [
    ['cluster_interfaces.eth1.ip', 'proxy', REFUSED],
    ['cluster_interfaces.eth1.mode', 'server', REFUSED],
    ['cluster_interfaces.eth2.mode', 'proxy', REFUSED],
    ['boot.mode', 'proxy', REFUSED],
    ['cluster_interfaces.eth1.mode', 'proxy', 'cluster_interfaces.eth1 is read-only'],
    ['cluster_interfaces.eth1.mode', 'proxy', 'cluster_interfaces.eth1.mode: management 0 turns DHCP off'],
  ] as const)
    assert.equal(proxyCommand(key, value, refused, STORED), undefined, `${key} ${value} ${refused}`);
});
