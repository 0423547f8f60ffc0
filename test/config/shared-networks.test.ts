// Which networks share a shared network, and which contradictions are refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { problemsOf } from '../support/config-problems.ts';

/** Cluster interfaces, each with its own network, on an interface such as `eth1`, or `relayed`. */
function file(...entries: readonly (readonly [place: string, more?: string])[]): string {
  const lines = entries.map(([place, more], at) => {
    const on =
      place === 'relayed' ? 'relayed: true, dns_servers: [192.0.2.1]' : `interface: ${place}, ip: 10.2${at}.0.1`;
    const isProxy = more?.includes('proxy') === true;
    const range = isProxy ? '' : `, ip_range_low: 10.2${at}.0.100, ip_range_high: 10.2${at}.0.199`;
    return `  - { name: n${at}, ${on}, network: 10.2${at}.0.0/24${range}${more === undefined ? '' : `, ${more}`} }\n`;
  });
  return `cluster_interfaces:\n${lines.join('')}`;
}

const GOOD: readonly (readonly [name: string, text: string, sharedNetworks: readonly (string | undefined)[]])[] = [
  ['networks without `shared` share nothing', file(['eth1'], ['eth1'], ['relayed']), [undefined, undefined, undefined]],
  [
    'networks behind relays share a name',
    file(['relayed', 'shared: hall'], ['relayed', 'shared: hall']),
    ['hall', 'hall'],
  ],
  [
    'a relay is on a served shared network',
    file(['eth1', 'shared: hall'], ['relayed', 'shared: hall']),
    ['hall', 'hall'],
  ],
  [
    'an interface is one shared network, whichever of its networks names it',
    file(['eth1'], ['eth1', 'shared: hall'], ['eth2'], ['relayed', 'shared: hall']),
    ['hall', 'hall', undefined, 'hall'],
  ],
  ['shared networks of different names are different', file(['eth1', 'shared: a'], ['eth2', 'shared: b']), ['a', 'b']],
  [
    'a network without DHCP is on no shared network',
    file(['eth1', 'shared: a'], ['eth2', 'shared: a, management: 0']),
    ['a'],
  ],
  ['one network may name its shared network alone', file(['relayed', 'shared: hall']), ['hall']],
];

for (const [name, text, sharedNetworks] of GOOD) {
  test(`${name}`, () => {
    const parsed = parseConfig(text);
    assert.ok(parsed.ok, parsed.ok ? '' : formatProblems('f', parsed.problems));
    assert.deepEqual(
      parsed.config.dhcp.subnets.map(({ shared }) => shared),
      sharedNetworks,
    );
  });
}

const BAD: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
  [
    'two interfaces of one shared network',
    file(['eth1', 'shared: hall'], ['eth2', 'shared: hall']),
    /cluster_interfaces\[1\]\.shared: "hall" .*eth1 according to cluster_interfaces\[0\], but eth2/,
  ],
  [
    'two shared networks on one interface',
    file(['eth1', 'shared: a'], ['eth1', 'shared: b']),
    /cluster_interfaces\[1\]\.shared: "b" contradicts "a" of cluster_interfaces\[0\], which is also on eth1/,
  ],
  [
    'addresses from this rack and from another on one shared network',
    file(['relayed', 'shared: hall, mode: proxy'], ['relayed', 'shared: hall']),
    /cluster_interfaces\[1\]\.mode: server contradicts proxy of cluster_interfaces\[0\], .*"hall"/,
  ],
  [
    'a mode that contradicts the shared network that another network gives its interface',
    file(['eth1'], ['relayed', 'shared: hall, mode: proxy'], ['eth1', 'shared: hall']),
    /cluster_interfaces\[1\]\.mode: proxy contradicts server of cluster_interfaces\[0\], .*"hall"/,
  ],
  [
    'one address in two networks of a shared network',
    file(['relayed', 'shared: hall'], ['relayed', 'shared: hall']).replace('10.21.0.0/24', '10.20.0.0/15'),
    /cluster_interfaces\[1\]\.network: 10\.20\.0\.0\/15 overlaps 10\.20\.0\.0\/24/,
  ],
  [
    'a shared network without a name',
    file(['relayed', 'shared: "two words"']),
    /shared: expected a name of letters, digits/,
  ],
];

for (const [name, text, problem] of BAD) test(`${name} is refused`, () => assert.match(problemsOf(text), problem));
