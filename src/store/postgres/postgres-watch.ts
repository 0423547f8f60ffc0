// Tracks whether PostgreSQL answers, by a query each second on its own connection.
//
//   there ── no answer to a SELECT within ANSWER_MS_MAX ──▶ away and silent: every use fails at once
//     │  ▲ ▲                                                    │
//     │  │ └──────── an answer; asked again every AWAY_ASK_MS ──┘
//     └──┴── no connection ──▶ away: each use fails with its own error
//
// Sources: postgresql.org/docs/15/errcodes-appendix.html; node-postgres.com/apis/client (end).
//
// 1. A server that hangs, or a network that drops packets, closes no connection: each request would
//    wait for its own timeout.
// 2. The query uses no table, so a lock, a slow statement or a full disk does not count.
// 3. A server that refuses still counts as reachable; the pool's connections report the refusal.
//    Each query then has a new connection, which shows the end of the refusals.
// 4. When the server becomes silent, all connections are given up (`onSilent`), and their users fail at once.
// 5. A server whose tables have another version counts as away, as transactions report (`noteTables`).
// 6. A server that has ended or refuses fails each use at once. Uses may still try.
// 7. A server that only reads counts as away. Each query then has a new connection: an old one
//    keeps the setting of its role or database.

import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { type Instant, systemClock } from '../../ground/clock.ts';
import { isStoreUnavailable } from '../../ground/errors.ts';
import { answersWithin } from '../../net/answers-within.ts';
import type { StoreAvailability } from '../../region/records/store-state.ts';
import { describeOutage, type Outage, StoreOutage } from '../../region/reports/notes.ts';
import { explainWhileRunning, isConnectionLost, isRefusedConnection } from './postgres-faults.ts';
import { createPoolConfig, endConnection, PostgresClient, type PostgresPlace } from './postgres-place.ts';

/** How long the server may take to answer, in milliseconds. */
const ANSWER_MS_MAX = 3000;
/** The pauses between questions while the server is there and while it is away, in milliseconds. */
const ASK_MS = 1000;
const AWAY_ASK_MS = 500;
/**
 * The driver's own timeouts, in milliseconds, are longer: they count a pause of this process, which
 * ANSWER_MS_MAX does not.
 */
const QUERY_MS_MAX = 2 * ANSWER_MS_MAX;
const READ_ONLY_OUTAGE: Outage = { note: 'database-read-only' };
const SILENT_OUTAGE: Outage = { note: 'database-silent', seconds: ANSWER_MS_MAX / 1000 };

export class PostgresWatch implements StoreAvailability {
  readonly #place: PostgresPlace;
  readonly #waitRejections = new Set<(error: StoreOutage) => void>();
  readonly #silenceListeners: (() => void)[] = [];
  readonly #closeController = new AbortController();
  #onChange: (problem: Outage | undefined) => void = () => undefined;
  #onRefusalsEnd: (refusedMs: number) => void = () => undefined;
  /** When the server first refused a connection since it last admitted one. */
  #refusedAt: Instant | undefined;
  #client: pg.Client | undefined;
  #problem: Outage | undefined;
  #isSilent = false;
  #tablesProblem: Outage | undefined;

  constructor(place: PostgresPlace) {
    this.#place = place;
  }

  get problem(): Outage | undefined {
    return this.#problem;
  }

  watch(onChange: (problem: Outage | undefined) => void): void {
    this.#onChange = onChange;
  }

  onSilent(giveUp: () => void): void {
    this.#silenceListeners.push(giveUp);
  }

  /** Each transaction calls it with the problem of its tables, or with `undefined`. */
  noteTables(problem: Outage | undefined): void {
    this.#tablesProblem = problem;
  }

  watchRefusals(onEnd: (refusedMs: number) => void): void {
    this.#onRefusalsEnd = onEnd;
  }

  /** Called for each connection that could not be opened. */
  noteFailure(error: unknown): void {
    if (isRefusedConnection(error)) this.#refusedAt ??= systemClock.now();
  }

  begin(): void {
    void this.#run();
  }

  /**
   * @param onLate called with a result that arrives after the server became silent
   * @throws RackError `store-unavailable` once it is silent
   */
  async unlessSilent<T>(work: () => Promise<T>, onLate: (result: T) => void = () => undefined): Promise<T> {
    if (this.#isSilent) throw new StoreOutage(this.#problem ?? SILENT_OUTAGE);
    const silence = Promise.withResolvers<never>();
    this.#waitRejections.add(silence.reject);
    const workPromise = work();
    try {
      return await Promise.race([workPromise, silence.promise]);
    } catch (error) {
      workPromise.then(onLate, () => undefined);
      throw error;
    } finally {
      this.#waitRejections.delete(silence.reject);
    }
  }

  close(): void {
    this.#closeController.abort();
    this.#dropConnection();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closeController;
    while (!signal.aborted) {
      const problem = (await this.#findProblem()) ?? this.#tablesProblem;
      if (signal.aborted) return;
      this.#setProblem(problem);
      await pause(problem === undefined ? ASK_MS : AWAY_ASK_MS, undefined, { ref: false, signal }).catch(
        () => undefined,
      );
    }
  }

  #setProblem(problem: Outage | undefined): void {
    const isAvailabilityChanged = (problem === undefined) !== (this.#problem === undefined);
    const wasSilent = this.#isSilent;
    this.#problem = problem;
    this.#isSilent = problem === SILENT_OUTAGE;
    if (isAvailabilityChanged) this.#onChange(problem);
    if (wasSilent || !this.#isSilent) return;
    for (const reject of [...this.#waitRejections]) reject(new StoreOutage(SILENT_OUTAGE));
    for (const giveUp of this.#silenceListeners) giveUp();
  }

  /** @returns why it is away; `undefined` if it is there */
  async #findProblem(): Promise<Outage | undefined> {
    const isNew = this.#client === undefined;
    const problem = await this.#queryOnce();
    // The server may have ended this connection only.
    return problem === undefined || problem === SILENT_OUTAGE || problem === READ_ONLY_OUTAGE || isNew
      ? problem
      : await this.#queryOnce();
  }

  async #queryOnce(): Promise<Outage | undefined> {
    if (this.#refusedAt !== undefined) this.#dropConnection();
    const isNew = this.#client === undefined;
    let failure: unknown;
    let isReadOnly = false;
    const query = this.#isReadOnlyServer().then((answer) => {
      isReadOnly = answer;
    });
    const observedQuery = query.catch((error: unknown) => {
      failure = error;
      throw error;
    });
    const isThere = await answersWithin(systemClock, ANSWER_MS_MAX, observedQuery);
    if (isThere && isNew) this.#endRefusals();
    if (isThere && !isReadOnly) return undefined;
    this.#dropConnection();
    if (isThere) return READ_ONLY_OUTAGE;
    if (failure === undefined) return SILENT_OUTAGE;
    this.noteFailure(failure);
    if (!isConnectionLost(failure)) return undefined;
    const explained = explainWhileRunning(failure);
    return isStoreUnavailable(explained) ? describeOutage(explained) : undefined;
  }

  #endRefusals(): void {
    if (this.#refusedAt === undefined) return;
    const refusedMs = systemClock.now() - this.#refusedAt;
    this.#refusedAt = undefined;
    this.#onRefusalsEnd(refusedMs);
  }

  /** @returns true if it only reads */
  async #isReadOnlyServer(): Promise<boolean> {
    if (this.#client === undefined) {
      const bounds = { connectionTimeoutMillis: QUERY_MS_MAX, query_timeout: QUERY_MS_MAX };
      const client = new PostgresClient({ ...createPoolConfig(this.#place), ...bounds });
      this.#client = client;
      await client.connect();
    }
    const { rows } = await this.#client.query<{ readonly reads: boolean }>(
      "SELECT current_setting('default_transaction_read_only')::boolean AS reads",
    );
    return rows[0]?.reads === true;
  }

  #dropConnection(): void {
    if (this.#client !== undefined) void endConnection(this.#client);
    this.#client = undefined;
  }
}
