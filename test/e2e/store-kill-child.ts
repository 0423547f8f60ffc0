// Appends leases to the journal in the directory given as argument, for ever, and prints every durable sequence. To be killed.

import { writeSync } from 'node:fs';
import { later, seconds, systemClock } from '../../src/clock.ts';
import { ipv4, mac } from '../../src/net/address.ts';
import { openLeaseJournal } from '../../src/store/lease-journal.ts';

const IN_FLIGHT_MAX = 64;

const { journal } = await openLeaseJournal({ stateDir: process.argv[2] ?? '', clock: systemClock });
let next = journal.status().durableSequence + 1;

function fill(durable: number): void {
  for (; next <= durable + IN_FLIGHT_MAX; next += 1) {
    const now = systemClock.now();
    journal.append({
      address: ipv4(next),
      mac: mac(next),
      state: 'bound',
      grantedAt: now,
      expiresAt: later(now, 600_000),
      duration: seconds(600),
    });
  }
}

journal.listen({
  onDurable(sequence) {
    writeSync(1, `${sequence}\n`);
    fill(sequence);
  },
  onFailed(from, to, reason) {
    throw new Error(`${from} to ${to} failed: ${reason}`);
  },
  onSlow() {},
  onAvailable() {},
});
fill(next - 1);
