// The rack loop's side of the lease journal: gathers the records of a turn, sends them to the
// journal worker in one buffer, and tells the lease table when they are on disk.
//
//             append                      durable
//   ┌─────▶ gathering ──(end of turn)──▶ outstanding ──────────┐
//   │           ▲  further appends gather behind it: the group  │ next batch, or idle
//   │           └───────────────────────────────────────────────┘
//   │                                         │ failed, or the worker died: #fail takes back everything pending
//   │  writable: #onProbed                    ▼
//   └────────────────────────────────────  failing ── every JOURNAL_RETRY_MS: probe, or a new worker
//   ▲                                                                 ▲
//   └── settled, and a prompt probe ──────── slow ◀── JOURNAL_SLOW_MS without an answer (`write-watch.ts`, #onSlow); fails as above
//
// 1. The worker has at most one batch; records appended meanwhile gather. They are the group of the
//    group commit.
// 2. `append` neither waits nor touches the disk. At most JOURNAL_PENDING_MAX records are pending;
//    then `available` is false.
// 3. A sequence is settled once: durable or failed. Sequences grow across restarts, and this
//    process never reuses one.
// 4. A disk that takes longer than JOURNAL_SLOW_MS is unavailable until a probe takes less than
//    JOURNAL_PROMPT_MS: after seconds a client has given up. The same holds for a worker that gets
//    no CPU time; time in which the rack loop itself was blocked does not count. The reason names
//    the cause.

import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { journalText } from '../../dhcp/events/sentences.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { storeLease } from '../../dhcp/leases/lease-clock.ts';
import {
  JOURNAL_PENDING_MAX,
  type JournalFault,
  type LeaseJournal,
  type LeaseJournalListener,
} from '../../dhcp/leases/lease-journal.ts';
import type { Clock, Instant, Timer } from '../../ground/clock.ts';
import { type DurationCounts, Durations } from '../../ground/counters.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import type { LeaseDamage } from './damaged-row.ts';
import { HostClocks } from './host-clocks.ts';
import type { FromLeaseWorker, ToLeaseWorker } from './lease-message.ts';
import { decodeLeases, LeaseBatch } from './lease-record.ts';
import { type StartedLeaseWorker, startLeaseWorker } from './lease-worker-start.ts';
import { type LeaseFileContents, StoredLeases } from './stored-leases.ts';
import { type DiskWork, type SlowCause, STARVED_FACTOR, WriteWatch } from './write-watch.ts';

export const LEASE_FILE = 'leases.db';
/** The wait before the disk is tried again, in milliseconds. */
export const JOURNAL_RETRY_MS = 1000;
/**
 * A write that takes longer makes the disk unavailable, and a faster probe than the other available
 * again: milliseconds of a running rack loop.
 */
export const JOURNAL_SLOW_MS = 2000;
export const JOURNAL_PROMPT_MS = 500;
/** Keeps a commit to a few milliseconds. */
const BATCH_RECORDS_MAX = 4096;
const SPARE_BYTES_MAX = 256 * 1024;
/** How long closing waits for the disk, in milliseconds. Later records were never acknowledged. */
const CLOSE_TIMEOUT_MS = 10_000;
const UNSOLICITED_KINDS: ReadonlySet<string> = new Set([
  'fold-failed',
  'damaged',
  'ballast',
] satisfies FromLeaseWorker['kind'][]);
/** Upper bounds of the histogram of batch round trips, in seconds. */
const WRITE_SECONDS = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface LeaseJournalOptions {
  /** Created if missing. */
  readonly stateDir: string;
  readonly clock: Clock;
  /** Called for each damaged row, also after the start. */
  readonly onDamage?: ((damage: LeaseDamage) => void) | undefined;
}

export interface LeaseJournalStatus {
  readonly available: boolean;
  /** One line; `undefined` if it is available. */
  readonly reason: string | undefined;
  readonly pending: number;
  readonly durableSequence: number;
  /** Since the start: durable records, their batches, disk failures, and fold failures. */
  readonly records: number;
  readonly batches: number;
  readonly failures: number;
  readonly foldFailures: number;
  readonly writes: DurationCounts;
}

interface OpenedLeaseJournal extends LeaseFileContents {
  readonly journal: WorkerLeaseJournal;
}

export async function openLeaseJournal(options: LeaseJournalOptions): Promise<OpenedLeaseJournal> {
  const path = join(options.stateDir, LEASE_FILE);
  const storedLeases = new StoredLeases();
  const startedWorker = await startLeaseWorker({ path, discardAbove: undefined }, (bytes) => {
    const records = decodeLeases(bytes);
    if (!records.ok) {
      throw new RackError(
        'store-broken',
        `${path} holds a lease that does not decode (${records.fault.field}): restore a backup, or move it and its -wal file away to start with an empty one`,
      );
    }
    for (const record of records.value) storedLeases.add(record);
  });
  for (const damage of startedWorker.damage) options.onDamage?.(damage);
  return {
    journal: new WorkerLeaseJournal(startedWorker, path, options),
    ...storedLeases.contents(),
    damage: startedWorker.damage,
  };
}

export class WorkerLeaseJournal implements LeaseJournal {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onDamage: LeaseJournalOptions['onDamage'];
  readonly #hostClocks: HostClocks;
  #worker: Worker | undefined;
  #listener: LeaseJournalListener | undefined;
  #state: 'open' | 'slow' | 'failing' | 'closing' | 'closed' = 'open';
  #fault: JournalFault | undefined;
  #retryTimer: Timer | undefined;
  readonly #writeWatch: WriteWatch;
  #diskWork: DiskWork;
  /** `undefined` if the worker owes no answer. */
  #answerOwedSince: Instant | undefined;

  #lastSequence: number;
  #settledSequence: number;
  #durableSequence: number;
  #gatheringBatch = new LeaseBatch();
  #fullBatches: LeaseBatch[] = [];
  /** Memory of a durable batch, for reuse. */
  #spareMemory: ArrayBuffer | undefined;
  #isOutstanding = false;
  #turnEnd: NodeJS.Immediate | undefined;
  #outstandingBytes = 0;
  #sentAt = 0;
  readonly #writeDurations = new Durations(WRITE_SECONDS);
  #whenClosed = Promise.withResolvers<void>();
  #counts = { records: 0, batches: 0, failures: 0, foldFailures: 0 };

  constructor({ worker, lastSequence, work }: StartedLeaseWorker, path: string, options: LeaseJournalOptions) {
    const { clock, onDamage } = options;
    this.#path = path;
    this.#onDamage = onDamage;
    this.#diskWork = work;
    this.#writeWatch = new WriteWatch({
      clock,
      slowMs: JOURNAL_SLOW_MS,
      findCall: () => this.#diskWork.call,
      onSlow: (cause) => this.#onSlow(cause),
    });
    this.#clock = clock;
    this.#hostClocks = new HostClocks(clock);
    this.#lastSequence = lastSequence;
    this.#settledSequence = lastSequence;
    this.#durableSequence = lastSequence;
    this.#useWorker(worker);
  }

  get available(): boolean {
    return this.freeRecords > 0;
  }

  get freeRecords(): number {
    return this.#state === 'open' ? JOURNAL_PENDING_MAX - (this.#lastSequence - this.#settledSequence) : 0;
  }

  listen(listener: LeaseJournalListener): void {
    this.#listener = listener;
  }

  /** @throws RackError `store-unavailable` */
  append(lease: Lease): number {
    if (!this.available) {
      throw new RackError(
        'store-unavailable',
        `a lease cannot be stored: ${this.status().reason ?? 'too many wait for the disk'}`,
      );
    }
    if (this.#gatheringBatch.records >= BATCH_RECORDS_MAX) {
      this.#fullBatches.push(this.#gatheringBatch);
      this.#gatheringBatch = this.#createBatch();
    }
    this.#lastSequence += 1;
    this.#gatheringBatch.add(this.#lastSequence, storeLease(lease, this.#hostClocks.read()));
    if (!this.#isOutstanding) this.#turnEnd ??= setImmediate(() => this.#send());
    return this.#lastSequence;
  }

  /** How long the worker has owed an answer, in milliseconds; if it owes no answer, pings it. */
  silentMs(): number {
    if (this.#answerOwedSince === undefined && this.#worker !== undefined) this.#post({ kind: 'ping' });
    return this.#answerOwedSince === undefined ? 0 : this.#clock.now() - this.#answerOwedSince;
  }

  status(): LeaseJournalStatus {
    return {
      available: this.available,
      reason: this.#fault && journalText(this.#fault),
      pending: this.#lastSequence - this.#settledSequence,
      durableSequence: this.#durableSequence,
      ...this.#counts,
      writes: this.#writeDurations.read(),
    };
  }

  async close(): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return this.#whenClosed.promise;
    const isFailing = this.#state === 'failing';
    this.#state = 'closing';
    this.#retryTimer?.cancel();
    this.#writeWatch.end();
    if (this.#worker === undefined) this.#finish();
    // After a failure nothing is pending; otherwise the answer to the last batch closes the worker.
    else if (isFailing || this.#lastSequence === this.#settledSequence) this.#post({ kind: 'close' });
    else if (!this.#isOutstanding) this.#send();
    const timer = this.#clock.schedule(CLOSE_TIMEOUT_MS, () => {
      void this.#worker?.terminate();
      this.#finish();
    });
    await this.#whenClosed.promise;
    timer.cancel();
  }

  #finish(): void {
    this.#state = 'closed';
    this.#writeWatch.close();
    this.#whenClosed.resolve();
  }

  #useWorker(worker: Worker): void {
    this.#worker = worker;
    this.#answerOwedSince = undefined;
    this.#isOutstanding = false;
    worker.on('message', (message: FromLeaseWorker) => this.#onMessage(message));
    // Only now have all messages of the thread arrived.
    let failure: string | undefined;
    worker.on('error', (error) => {
      failure = errorText(error);
    });
    worker.on('exit', (code) => {
      this.#worker = undefined;
      const isClosing = this.#state === 'closing';
      if (!isClosing || this.#lastSequence > this.#settledSequence) this.#fail('thread-ended', failure ?? String(code));
      if (isClosing) this.#finish();
    });
  }

  #post(message: ToLeaseWorker, transfer: ArrayBuffer[] = []): void {
    this.#answerOwedSince ??= this.#clock.now();
    this.#worker?.postMessage(message, transfer);
  }

  #send(): void {
    clearImmediate(this.#turnEnd);
    this.#turnEnd = undefined;
    const batch = this.#fullBatches.shift() ?? this.#gatheringBatch;
    if (batch.records === 0) return;
    if (batch === this.#gatheringBatch) this.#gatheringBatch = this.#createBatch();
    const bytes = batch.finish();
    this.#isOutstanding = true;
    this.#outstandingBytes = bytes.length;
    this.#sentAt = this.#clock.now();
    this.#post({ kind: 'write', sequence: batch.lastSequence, bytes }, [bytes.buffer]);
    this.#writeWatch.begin();
  }

  #createBatch(): LeaseBatch {
    const memory = this.#spareMemory;
    this.#spareMemory = undefined;
    return new LeaseBatch(memory);
  }

  #onSlow(cause: SlowCause): void {
    if (this.#state !== 'open' || !this.#isOutstanding) return;
    this.#state = 'slow';
    const [reason, milliseconds] =
      cause === 'disk'
        ? (['disk-slow', JOURNAL_SLOW_MS] as const)
        : (['host-busy', STARVED_FACTOR * JOURNAL_SLOW_MS] as const);
    this.#fault = { reason, database: this.#path, milliseconds };
    this.#counts.failures += 1;
    this.#listener?.onSlow(this.#fault);
  }

  #probe(): void {
    this.#post({ kind: 'probe', sizeBytes: this.#outstandingBytes });
  }

  #scheduleProbe(): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#clock.schedule(JOURNAL_RETRY_MS, () => void this.#retryNow());
  }

  #onMessage(message: FromLeaseWorker): void {
    if (!UNSOLICITED_KINDS.has(message.kind)) this.#answerOwedSince = undefined;
    switch (message.kind) {
      case 'durable':
        if (message.memory.byteLength <= SPARE_BYTES_MAX) this.#spareMemory = message.memory;
        this.#onDurable(message.sequence);
        return;
      case 'failed':
        this.#fail('write-failed', message.reason);
        return;
      case 'writable':
        this.#onProbed(message.tookMs);
        return;
      case 'pong':
        return;
      case 'ballast':
        this.#listener?.onBallast?.(message.isFreed);
        return;
      case 'fold-failed':
        this.#counts.foldFailures += 1;
        return;
      case 'damaged':
        this.#onDamage?.(message.damage);
        return;
      // Sent only while a worker starts.
      case 'leases':
      case 'opened':
      case 'refused':
    }
  }

  #onDurable(sequence: number): void {
    this.#isOutstanding = false;
    this.#writeDurations.add(this.#clock.now() - this.#sentAt);
    this.#writeWatch.end();
    this.#counts.records += sequence - this.#settledSequence;
    this.#counts.batches += 1;
    this.#durableSequence = sequence;
    this.#settledSequence = sequence;
    // This batch's replies go first: on a busy processor the worker would run before them.
    if (this.#lastSequence > this.#settledSequence) this.#turnEnd ??= setImmediate(() => this.#send());
    const isAllSettled = this.#lastSequence === this.#settledSequence;
    if (this.#state === 'closing' && isAllSettled) this.#post({ kind: 'close' });
    else if (this.#state === 'slow' && isAllSettled) this.#scheduleProbe();
    this.#listener?.onDurable(sequence);
  }

  #fail(reason: JournalFault['reason'], detail: string): void {
    if (this.#state === 'closed') return;
    clearImmediate(this.#turnEnd);
    this.#turnEnd = undefined;
    this.#isOutstanding = false;
    this.#writeWatch.end();
    this.#fault = { reason, database: this.#path, said: detail };
    this.#counts.failures += 1;
    const firstFailed = this.#settledSequence + 1;
    this.#settledSequence = this.#lastSequence;
    this.#gatheringBatch = new LeaseBatch();
    this.#fullBatches = [];
    if (this.#state === 'closing') {
      this.#post({ kind: 'close' });
    } else {
      this.#state = 'failing';
      this.#scheduleProbe();
    }
    if (firstFailed <= this.#lastSequence) this.#listener?.onFailed(firstFailed, this.#lastSequence, this.#fault);
  }

  async #retryNow(): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    try {
      if (this.#worker !== undefined) return this.#probe();
      const { worker, work } = await startLeaseWorker(
        { path: this.#path, discardAbove: this.#durableSequence },
        () => undefined,
      );
      this.#diskWork = work;
      this.#useWorker(worker);
      if (this.#state === 'failing') this.#probe();
      else this.#post({ kind: 'close' });
    } catch (error) {
      this.#fail('write-failed', errorText(error));
    }
  }

  #onProbed(tookMs: number): void {
    if (this.#state !== 'failing' && this.#state !== 'slow') return;
    if (tookMs > JOURNAL_PROMPT_MS) {
      this.#fault = { reason: 'probe-slow', database: this.#path, milliseconds: Math.round(tookMs) };
      this.#scheduleProbe();
      return;
    }
    this.#state = 'open';
    this.#fault = undefined;
    this.#listener?.onAvailable();
  }
}
