// `rackboot replay` with the leases that a daemon left on disk: the real command on a real state directory.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { SettledJournal } from '../../../src/dhcp/leases/settled-journal.ts';
import { mac } from '../../../src/ground/address.ts';
import { later, seconds } from '../../../src/ground/clock.ts';
import { openLeaseJournal } from '../../../src/store/leases/lease-journal.ts';
import { packet, pcap } from '../../capture/frames.ts';
import { ip } from '../../support/lab-facts.ts';
import { runRackboot } from '../../support/running-rack.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const replayedShape = z.object({ queries: z.array(z.object({ decision: z.string() })), notes: z.array(z.string()) });
const HEX = join(import.meta.dirname, '../../../fixtures/packets/dhcp-ovmf-pxe-discover.hex');
const DISCOVER = Buffer.from(readFileSync(HEX, 'utf8').replaceAll(/#.*|\s/g, ''), 'hex');

test('a lease granted while the wall clock was wrong runs as long as in the daemon', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-replay-'));
  try {
    const stateDir = join(directory, 'state');
    mkdirSync(stateDir);
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(
      config,
      `name: rack
state_dir: ${stateDir}
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.99.0.1, network: 10.99.0.0/24, ip_range_low: 10.99.0.100, ip_range_high: 10.99.0.100 }
`,
    );
    const capture = join(directory, 'discover.pcap');
    const bytes = packet('0.0.0.0', 68, '255.255.255.255', 67, DISCOVER);
    writeFileSync(capture, pcap(101, [{ seconds: Math.floor(Date.now() / 1000), fraction: 0, bytes }]));
    // Years behind the clock that the command reads, in the same boot of this host.
    const clock = new VirtualClock(1_600_000_000_000);
    const opened = await openLeaseJournal({ stateDir, clock });
    const journal = new SettledJournal(opened.journal);
    journal.listen({ onDurable() {}, onFailed() {}, onSlow() {}, onAvailable() {} });
    const [now, duration] = [clock.now(), seconds(600)];
    const holder = { address: ip('10.99.0.100'), mac: mac(0x525400999999) };
    const lease = { ...holder, state: 'bound', grantedAt: now, expiresAt: later(now, 600_000), duration } as const;
    assert.ok(await journal.settled(journal.append(lease)));
    await journal.close();

    const decide = async (...more: string[]): Promise<unknown> => {
      const { code, output, complaints } = await runRackboot([
        'replay',
        capture,
        '--config',
        config,
        '--json',
        ...more,
      ]);
      assert.equal(code, 0, complaints.join('\n'));
      const { queries, notes } = replayedShape.parse(JSON.parse(output.join('\n')));
      assert.deepEqual(notes, []);
      return queries[0]?.decision;
    };
    assert.equal(await decide('--without-state'), 'OFFER');
    assert.equal(await decide(), 'silence: range-exhausted');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
