// Where `rackboot leases import` puts leases: into the running daemon, or without a daemon into leases.db.
//
// 1. Both decide with the same function on the same facts. Only a daemon knows the offers of the
//    last seconds.
// 2. A request to the daemon never exceeds the size that it reads.
// 3. Without a daemon this process keeps the state directory locked, and writes the file as the
//    directory's owner.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { CONTROL_BODY_BYTES_MAX } from '../../control/requests.ts';
import type { ImportAnswer } from '../../daemon/answers/lease-answers.ts';
import type { ForeignLease } from '../../dhcp/import/foreign-lease.ts';
import { judgeBatch } from '../../dhcp/import/lease-batch.ts';
import { isImportRefusal } from '../../dhcp/import/lease-import.ts';
import { restoreLeases } from '../../dhcp/leases/lease-clock.ts';
import { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { Offers } from '../../dhcp/leases/offers.ts';
import { SettledJournal } from '../../dhcp/leases/settled-journal.ts';
import { indexSubnets } from '../../dhcp/networks/subnet.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import { readHostMoment } from '../../store/leases/host-clocks.ts';
import { openLeaseJournal } from '../../store/leases/lease-journal.ts';
import { LeaseMark, readLeaseMark } from '../../store/leases/lease-mark.ts';
import { readReportedEnds } from '../../store/leases/reported-ends.ts';
import { CONFIGURED_DIRECTORY_TEXTS, lockState } from '../../store/state-lock.ts';
import { readDesiredState } from '../../uplink/desired-state-cache.ts';
import { loadMerged } from '../terminal/config-in-force.ts';
import { createAsOwner } from '../terminal/state-owner.ts';

interface LeaseDestination {
  readonly name: string;
  /**
   * Imports a batch, with one answer for each part, given when that part is on disk. @param dryRun
   * true: change nothing
   */
  take(batch: readonly ForeignLease[], dryRun: boolean): AsyncIterable<ImportAnswer>;
  close(): Promise<void>;
}

const answerShape = z.object({
  taken: z.number(),
  left: z.array(z.object({ line: z.number(), reason: z.string().refine(isImportRefusal) })),
});

/** @throws RackError `already-running` while a daemon starts or ends, `store-…` */
export async function openImport(config: string): Promise<LeaseDestination> {
  const { stateDir } = loadStateDir(config);
  try {
    await askDaemon(stateDir, '/status');
  } catch (error) {
    if (error instanceof RackError && error.code === 'not-running') return openFile(config);
    throw error;
  }
  return {
    name: 'the running rack',
    async *take(leases, dryRun) {
      for (const body of requestBodies(leases, dryRun))
        yield answerShape.parse(
          await askDaemon(stateDir, '/leases/import', 'POST', body, { contentType: 'application/json' }),
        );
    },
    close: () => Promise.resolve(),
  };
}

/** The leases as request bodies: as few as possible, none larger than the daemon reads. */
export function* requestBodies(leases: readonly ForeignLease[], dryRun: boolean): Generator<string> {
  const bodyOf = (texts: readonly string[]): string => `{"dryRun":${dryRun},"leases":[${texts.join(',')}]}`;
  let texts: string[] = [];
  let bytes = bodyOf([]).length;
  const empty = bytes;
  for (const lease of leases) {
    const text = JSON.stringify(lease);
    const own = Buffer.byteLength(text) + 1;
    if (bytes + own > CONTROL_BODY_BYTES_MAX && texts.length > 0) {
      yield bodyOf(texts);
      texts = [];
      bytes = empty;
    }
    texts.push(text);
    bytes += own;
  }
  if (texts.length > 0) yield bodyOf(texts);
}

async function openFile(configFile: string): Promise<LeaseDestination> {
  const { config } = loadMerged(configFile);
  const { stateDir } = config;
  createAsOwner(stateDir);
  const lock = lockState(stateDir, CONFIGURED_DIRECTORY_TEXTS);
  const clock = systemClock;
  const opened = await openLeaseJournal({ stateDir, clock });
  const journal = new SettledJournal(opened.journal);
  const machines = new MachineDirectory(readDesiredState(stateDir, () => undefined).machines);
  const subnets = indexSubnets(config.dhcp, undefined);
  const table = new LeaseTable();
  const moment = readHostMoment(clock);
  const reported = readReportedEnds(stateDir);
  // Before loading: each network decides what identifies its clients.
  table.serve(subnets.served, machines);
  table.load(restoreLeases(opened.leases, moment, opened.clocks, reported), moment.now);
  journal.listen({
    onDurable: (sequence) => void table.settle(sequence),
    onFailed: (from, to) => void table.rollBack(from, to, clock.now()),
    onSlow: () => undefined,
    onAvailable: () => undefined,
  });
  const facts = { leases: table, offers: new Offers(), machines, subnets };
  return {
    name: `${stateDir}, where no daemon runs`,
    async *take(batch, dryRun) {
      const { taken, left } = judgeBatch(batch, facts, { now: clock.now(), wallMs: clock.wallTimeMs() });
      let sequence: number | undefined;
      for (const lease of dryRun ? [] : taken) {
        sequence = journal.append(lease);
        table.apply(lease, sequence);
      }
      if (sequence !== undefined && !(await journal.settled(sequence)))
        throw new RackError(
          'store-unavailable',
          `leases cannot be written in ${stateDir}: ${opened.journal.status().reason}`,
        );
      yield { taken: taken.length, left };
    },
    async close() {
      const { durableSequence } = opened.journal.status();
      await journal.close();
      if (opened.leases.length === 0) await markAsNew(stateDir, durableSequence);
      lock.release();
    },
  };
}

/**
 * Otherwise the next start of the daemon would treat a file that held no leases before as a
 * restored copy.
 */
async function markAsNew(stateDir: string, sequence: number): Promise<void> {
  const { doubtedUpTo } = readLeaseMark(stateDir);
  const onProblem = (): void => undefined;
  await new LeaseMark({ stateDir, clock: systemClock, doubtedUpTo, sequence: () => sequence, onProblem }).close();
}
