// Keeps the status of a rack's link to its region, and sends it to the rack: at once when the state
// changes, and within STATUS_PAUSE_MS when only its counts change. Publishes a notice of each
// change of state.

import type { Clock, Timer } from '../ground/clock.ts';
import { EventSampler } from '../ground/rate-limit.ts';
import { noteText, type RackNote, withText } from '../region/reports/notes.ts';
import type { NoticeBody } from '../region/reports/uplink-events.ts';
import type { AddressStatus, LinkState, LinkStatus } from './link-status.ts';
import type { RegionMessage } from './messages.ts';
import type { OutboxStore } from './outbox-store.ts';

// The events that the rack publishes when the link to its region changes.

/** A change of the link's state; times are wall time in milliseconds. */
interface LinkChange {
  readonly previousState: LinkState;
  readonly state: LinkState;
  /** Why; `undefined` for a link that is up. */
  readonly note: RackNote | undefined;
  /** When the previous state began. */
  readonly previousSinceMs: number;
  /** When this state began. */
  readonly startMs: number;
  readonly nowMs: number;
  readonly url: string;
  /** Entries of the outbox. */
  readonly waiting: number;
}

/** The event for a change; `undefined` if it needs none. */
function composeStateNotice({
  previousState,
  state,
  note,
  previousSinceMs,
  startMs,
  nowMs,
  url,
  waiting,
}: LinkChange): NoticeBody | undefined {
  switch (state) {
    case 'away': {
      const since = new Date(previousState === state ? previousSinceMs : startMs).toISOString();
      return note && { ...note, kind: 'region.away', reason: withText(note).text, since };
    }
    case 'up':
      return previousState === 'away'
        ? { kind: 'region.back', awayMs: Math.max(0, nowMs - previousSinceMs), waiting }
        : { kind: 'region.linked', url, waiting };
    case 'pending':
    case 'rejected':
    case 'incompatible':
      return note && { kind: `region.${state}`, ...withText(note) };
    case 'registering':
      return undefined;
  }
}

/** Status changes within this time are sent to the rack together, in milliseconds. */
const STATUS_PAUSE_MS = 200;

interface StatusOptions {
  readonly clock: Clock;
  readonly outbox: OutboxStore;
  /** The region's URL; if it has several, the one that answers. */
  readonly url: () => string;
  /** The addresses of the region. */
  readonly addresses: () => readonly AddressStatus[];
  /** Sends a message to the rack. */
  readonly send: (message: RegionMessage) => void;
  /** Why the outbox cannot be written; empty if it can. */
  readonly problem: () => string;
}

/** The status of one link. */
export class StatusKeeper {
  readonly #options: StatusOptions;
  readonly #sampler = new EventSampler();
  #state: LinkState = 'registering';
  #sinceMs: number;
  /** The sentence of the state's note; empty if it has none. */
  #text = '';
  #lastContactMs: number | undefined;
  #lastHeartbeatMs: number | undefined;
  #heartbeatMs: number | undefined;
  #regionVersion = '';
  #reportTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: StatusOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.wallTimeMs();
  }

  /** Stops reporting. */
  close(): void {
    this.#isClosed = true;
    this.#reportTimer?.cancel();
  }

  /** Notes that the region has answered. */
  recordContact(): void {
    this.#lastContactMs = this.#options.clock.wallTimeMs();
  }

  /** Notes the answer to a heartbeat. @param tookMs its round-trip time */
  recordHeartbeat(regionVersion: string, tookMs: number): void {
    this.#regionVersion = regionVersion;
    this.#lastHeartbeatMs = this.#options.clock.wallTimeMs();
    this.#heartbeatMs = tookMs;
  }

  /** Call when another address of the region answers than before. */
  recordMove(): void {
    if (this.#state === 'up') this.#sinceMs = this.#options.clock.wallTimeMs();
  }

  /** Changes the state. @returns false if neither the state nor its reason is new */
  changeState(state: LinkState, note: RackNote | undefined): boolean {
    const { clock, outbox, url } = this.#options;
    const previousState = this.#state;
    const previousText = this.#text;
    const text = note === undefined ? '' : noteText(note);
    this.#state = state;
    this.#text = text;
    if (previousState === state && (previousText === text || state === 'away')) return false;
    const previousSinceMs = this.#sinceMs;
    const nowMs = clock.wallTimeMs();
    const startMs = (state === 'away' ? this.#findUnserved()?.sinceMs : undefined) ?? nowMs;
    if (previousState !== state) this.#sinceMs = startMs;
    // Send the status before the notice: an operator who sees the notice must not find the old status.
    this.report();
    const notice = composeStateNotice({
      previousState,
      state,
      note,
      previousSinceMs,
      startMs,
      nowMs,
      url: url(),
      waiting: outbox.length,
    });
    if (notice !== undefined) this.notice(notice);
    return true;
  }

  /** Publishes a notice, at a limited rate for each kind. */
  notice(body: NoticeBody): void {
    const now = this.#options.clock.now();
    const sample = this.#sampler.take(body.kind, now);
    if (sample !== undefined) this.#options.send({ kind: 'notice', event: { ...body, ...sample, at: now } });
  }

  /** Sends the status within STATUS_PAUSE_MS. */
  reportSoon(): void {
    if (this.#isClosed) return;
    this.#reportTimer ??= this.#options.clock.schedule(STATUS_PAUSE_MS, () => {
      this.#reportTimer = undefined;
      this.report();
    });
  }

  /** Sends the status now. */
  report(): void {
    if (!this.#isClosed) this.#options.send({ kind: 'link', status: this.read() });
  }

  read(): LinkStatus {
    const { outbox, problem, addresses } = this.#options;
    return {
      addresses: addresses(),
      state: this.#state,
      since: this.#sinceMs,
      text: this.#text,
      unserved: this.#findUnserved(),
      lastContact: this.#lastContactMs,
      lastHeartbeat: this.#lastHeartbeatMs,
      heartbeatMs: this.#heartbeatMs,
      regionVersion: this.#regionVersion,
      waiting: outbox.length,
      dropped: sumCounts(outbox.dropped),
      deadLetters: outbox.deadLetterCount,
      outboxProblem: problem(),
    };
  }

  /** See `LinkStatus.unserved`; it begins when the last working address fails. */
  #findUnserved(): LinkStatus['unserved'] {
    const addresses = this.#options.addresses();
    const failures = addresses.flatMap(({ failure }) => failure ?? []);
    if (failures.length === 0 || failures.length < addresses.length) return undefined;
    const inUse = addresses.find(({ isInUse }) => isInUse)?.failure;
    return { sinceMs: Math.max(...failures.map(({ sinceMs }) => sinceMs)), text: inUse?.text ?? '' };
  }
}

/** The sum of counts. */
export const sumCounts = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
