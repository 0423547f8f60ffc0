// When a rack is ready: every listener that can be open is open, leases can be written, and the region runs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { judgeReadiness, type ReadinessFacts } from '../../../src/daemon/rack/readiness.ts';
import { RACK } from '../../support/lab-facts.ts';

const parsed = parseConfig(`
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.110 }
dns: { listen: [10.20.0.1] }
`);
const config = parsed.ok ? parsed.config : assert.fail(JSON.stringify(parsed.problems));
const eth1 = {
  name: 'eth1',
  index: 2,
  mac: undefined,
  up: true,
  carrier: true,
  addresses: [{ address: RACK, prefix: 24 }],
};
const open = {
  dhcpProblems: [],
  tftp: [{ address: RACK, port: 69 }],
  http: [{ address: RACK, port: 5248 }],
  dns: [{ address: RACK, port: 53 }],
};
const up = { mode: 'embedded', state: 'up' } as const;
const facts: ReadinessFacts = { config, host: [eth1], rack: open, journalProblem: undefined, region: up };

const cases: readonly (readonly [name: string, facts: Partial<ReadinessFacts>, notReady: readonly string[]])[] = [
  ['a rack with every listener open is ready', {}, []],
  ['a rack that is starting is not ready', { rack: undefined }, ['rack: starting']],
  ["port 80, which may be another program's, is not missed", { rack: open }, []],
  ['a region in this process that is down is named', { region: { ...up, state: 'waiting' } }, ['region: not running']],
  ['so is one that starts', { region: { ...up, state: 'starting' } }, ['region: starting']],
  ['a remote region says itself whether it is ready', { region: { mode: 'remote', state: 'away' } }, []],
  ['leases that cannot be written are named', { journalProblem: 'disk full' }, ['leases: disk full']],
  [
    'a door that is shut though its address is here is named',
    { rack: { ...open, http: [], tftp: [{ address: RACK, port: 70 }] } },
    ['tftp 10.20.0.1:69: not listening', 'http 10.20.0.1:5248: not listening'],
  ],
  [
    'a boot tree that cannot be known is told',
    { rack: { ...open, treeProblem: 'boot.tree /t is not a directory' } },
    ['boot tree: boot.tree /t is not a directory'],
  ],
  ['a listener may wait for its address', { host: [], rack: { ...open, http: [], dns: [] } }, []],
  [
    'a socket may wait for its interface, but a taken port is a fault',
    {
      rack: {
        ...open,
        dhcpProblems: [
          { name: 'eth1', code: 'interface-missing', text: 'eth1 is not there' },
          { name: '10.20.0.1', code: 'address-in-use', text: 'dnsmasq has port 67' },
        ],
      },
    },
    ['dhcp 10.20.0.1: dnsmasq has port 67'],
  ],
];

for (const [name, changes, expected] of cases) {
  test(name, () => {
    const { ready, notReady } = judgeReadiness({ ...facts, ...changes });
    assert.deepEqual(
      notReady.map(({ what, reason }) => `${what}: ${reason}`),
      expected,
    );
    assert.equal(ready, expected.length === 0);
  });
}
