// The lines about leases that a change of the ranges leaves outside them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { strandedBy, strandedLines } from '../../../src/cli/leases/stranded.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { RackConfig } from '../../../src/config/rack-config.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import { ipv4 } from '../../../src/net/address.ts';

const MAC = '52:54:00:00:00:01';
const LEASE = { mac: MAC, state: 'bound', grantedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-01T01:00:00Z' };
const LEASES = [101, 150, 190].map((octet) => ({ ...LEASE, address: `10.20.0.${octet}`, seconds: 3600 }));

function configTo(stateDir: string, high: string): RackConfig {
  const range = `ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: ${high}`;
  const text = `name: rack\nstate_dir: ${stateDir}\ncluster_interfaces:\n  - { name: lab, interface: eth1, ${range} }\n`;
  const parsed = parseConfig(text);
  assert.ok(parsed.ok);
  return parsed.config;
}

test('a narrower range lists the leases it strands and how to see them; equal ranges ask for no leases', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-stranded-'));
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end(`${JSON.stringify(LEASES)}\n${LEASES.length}\n`);
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    const whole = configTo(stateDir, '10.20.0.199');
    assert.deepEqual(await strandedBy(whole, configTo(stateDir, '10.20.0.149')), [
      'Leases: 2 are outside the ranges in force; their machines get other addresses when they renew:',
      `  10.20.0.150  ${MAC}`,
      `  10.20.0.190  ${MAC}`,
      '`rackboot leases list --state bound` names their machines. If you restore the former value, they keep their addresses.',
    ]);
    assert.deepEqual(await strandedBy(whole, configTo(stateDir, '10.20.0.220')), []);
    assert.equal(asked, 2);
    assert.deepEqual(await strandedBy(whole, configTo(stateDir, '10.20.0.199')), []);
    assert.equal(asked, 2, 'no network differs');
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
  const [line] = await strandedBy(configTo(stateDir, '10.20.0.199'), configTo(stateDir, '10.20.0.149'));
  assert.match(line ?? '', /could not check for leases outside the ranges: no running Rackboot/);
});

test('of very many stranded leases the first are listed and the rest counted', () => {
  const many = Array.from({ length: 25 }, (_, index) => ({ address: ipv4(index), mac: MAC }));
  const lines = strandedLines(many, 'the new ranges');
  assert.equal(lines[0], 'Leases: 25 are outside the new ranges; their machines get other addresses when they renew:');
  assert.deepEqual([lines.length, lines.at(-1)], [22, '  and 5 more']);
});
