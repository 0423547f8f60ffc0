// Appends leases to a journal without end, and prints every durable sequence. A test kills it. After each RECORDS_PER_REST records it pauses,
// so that their log is folded. Record n belongs to client n and has address n. Arguments:
//
// 1. the directory of the journal;
// 2. the number of addresses, which the records then take in turn; otherwise every record has its own;
// 3. the length of a pause, in milliseconds; otherwise as long as the folding takes.

import { writeSync } from 'node:fs';
import { ipv4, mac } from '../../src/ground/address.ts';
import { later, seconds, systemClock } from '../../src/ground/clock.ts';
import { FOLD_IDLE_MS, FOLD_IDLE_RECORDS_MIN } from '../../src/store/leases/lease-folder.ts';
import { openLeaseJournal } from '../../src/store/leases/lease-journal.ts';

const IN_FLIGHT_MAX = 256;
const RECORDS_PER_REST = FOLD_IDLE_RECORDS_MIN * 1.25;
/** The fold begins FOLD_IDLE_MS after the last write. */
const REST_MS = Number(process.argv[4] ?? FOLD_IDLE_MS + 60);

const ADDRESSES = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);

const { journal } = await openLeaseJournal({ stateDir: process.argv[2] ?? '', clock: systemClock });
let next = journal.status().durableSequence + 1;
// Counted through all children of one file: a slow host writes few records before each kill.
let restsAt = RECORDS_PER_REST * Math.ceil(next / RECORDS_PER_REST);

function fill(durable: number): void {
  if (durable + 1 >= restsAt) {
    restsAt = durable + RECORDS_PER_REST;
    systemClock.schedule(REST_MS, () => fill(durable));
    return;
  }
  for (; next < Math.min(durable + IN_FLIGHT_MAX + 1, restsAt); next += 1) {
    const now = systemClock.now();
    journal.append({
      address: ipv4(next % ADDRESSES),
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
  onFailed(from, to, { reason }) {
    throw new Error(`${from} to ${to} failed: ${reason}`);
  },
  onSlow() {},
  onAvailable() {},
});
fill(next - 1);
