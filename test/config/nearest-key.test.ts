// The key that was meant by one that there is not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestKey } from '../../src/config/nearest-key.ts';

const CASES: readonly (readonly [name: string, given: string, meant: string | undefined])[] = [
  ['a slip in the last part', 'dns.upstrem', 'dns.upstream'],
  ['a slip in a section of the file', 'boot.htp', 'boot.http'],
  ['a slip below a key whose rule holds for all below it', 'tftp.alow', 'tftp.allow'],
  ['a slip in the section', 'dsn.upstream', 'dns.upstream'],
  ['a key without its section', 'upstream', 'dns.upstream'],
  ['the name that MAAS has for it', 'kernel_opts', 'boot.kernel_params'],
  ['a slip in the name that MAAS has for it', 'kernl_opts', 'boot.kernel_params'],
  ['a field of a cluster interface', 'cluster_interfaces.lab.ruoter_ip', 'cluster_interfaces.lab.router_ip'],
  ['a key that there is', 'dns.upstream', undefined],
  ['a section', 'dns', undefined],
  ['a name of its own below a key', 'log.levels.dhcp', undefined],
  ['an interface with a dot in its name', 'cluster_interfaces.eth1.100', undefined],
  ['what is like nothing', 'frobnicate.all', undefined],
];

for (const [name, given, meant] of CASES) {
  test(`${name}: ${given} is ${meant ?? 'left as it is'}`, () => assert.equal(nearestKey(given), meant));
}
