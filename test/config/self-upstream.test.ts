// A rack is not its own upstream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';

const BASE = `cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.199 }
`;

const CASES: readonly (readonly [name: string, dns: string, paths: readonly string[]])[] = [
  ['its address on a network', '{ upstream: [10.20.0.1, 192.0.2.53] }', ['dns.upstream']],
  ['its address in a text of several', '{ upstream: "192.0.2.53 10.20.0.1:53" }', ['dns.upstream']],
  ['loopback, where it listens, too', '{ upstream: 127.0.0.1 }', ['dns.upstream']],
  ['it, for a domain', '{ forward_zones: { corp.example: 10.20.0.1 } }', ['dns.forward_zones.corp.example']],
  ['any address of its own where it listens at all', '{ listen: [0.0.0.0], upstream: 127.0.0.9 }', ['dns.upstream']],
  ['another server at another port of it', '{ upstream: 10.20.0.1:5353 }', []],
  ['it, where it serves DNS at another port', '{ listen_port: 5353, upstream: 127.0.0.1 }', []],
  ['the resolver of the host, at another address of loopback', '{ upstream: 127.0.0.53 }', []],
];

for (const [name, dns, paths] of CASES)
  test(`as upstream, ${name} is ${paths.length > 0 ? 'refused' : 'taken'}`, () => {
    const parsed = parseConfig(`${BASE}dns: ${dns}\n`);
    const problems = parsed.ok ? [] : parsed.problems;
    assert.deepEqual(
      problems.map(({ path }) => path),
      paths,
      JSON.stringify(problems),
    );
    for (const { message } of problems) assert.match(message, /^[\d.]+:53 is this rack's own name server/);
  });
