// Which key an unknown key meant.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNearestKey } from '../../src/config/nearest-key.ts';

const CASES: readonly (readonly [name: string, given: string, meant: string | undefined])[] = [
  ['a typo in the last part', 'dns.upstrem', 'dns.upstream'],
  ['a typo in a section of the file', 'boot.htp', 'boot.http'],
  ['a typo below a key whose rule applies to all below it', 'tftp.alow', 'tftp.allow'],
  ['a typo in the section', 'dsn.upstream', 'dns.upstream'],
  ['a key without its section', 'upstream', 'dns.upstream'],
  ['MAAS’s name', 'kernel_opts', 'boot.kernel_params'],
  ['a typo in MAAS’s name', 'kernl_opts', 'boot.kernel_params'],
  ['a field of a cluster interface', 'cluster_interfaces.lab.ruoter_ip', 'cluster_interfaces.lab.router_ip'],
  ['an existing key', 'dns.upstream', undefined],
  ['a section', 'dns', undefined],
  ['a name of the operator’s choice below a key', 'log.levels.dhcp', undefined],
  ['an interface with a dot in its name', 'cluster_interfaces.eth1.100', undefined],
  ['a key similar to none', 'frobnicate.all', undefined],
];

for (const [name, given, meant] of CASES) {
  test(`${name}: ${given} means ${meant ?? 'nothing else'}`, () => assert.equal(findNearestKey(given), meant));
}
