// The rack's side of its region. A thread of this process is either the region or the link to a
// remote one. The rack never waits for the thread: it posts messages and handles answers as they
// come. If the thread ends, it is restarted; meanwhile the rack continues with the last desired
// state.
//
//   starting ──listening──▶ up ──exit──▶ waiting ──back-off──▶ starting
//   (start)                 (#receive)   (#handleExit)             (start)

import type { Lease } from '../dhcp/leases/lease.ts';
import { formatIpv4, formatMac } from '../ground/address.ts';
import { type Clock, type Instant, later, pause, type Timer } from '../ground/clock.ts';
import { errorText, type RackErrorCode, unreachable } from '../ground/errors.ts';
import type { Publish, RackEvent } from '../ground/event.ts';
import type { NotKept } from '../http/events.ts';
import type { DesiredState } from '../machines/machine.ts';
import { EVENTS_PER_TURN_MAX, type EventStream } from '../observe/event-stream.ts';
import { composeEventText } from '../observe/event-text.ts';
import type { RegionConfig } from '../region/config.ts';
import type { NetworkScan, ScanOutcome } from '../region/records/network-scan.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import type { RackMeasures } from '../region/records/rack-measures.ts';
import type { RackRequest, RackTask, TaskAnswer } from '../region/records/rack-request.ts';
import { noteText, type RackNote } from '../region/reports/notes.ts';
import { EVENT_KINDS, type RackFields, reportedEvent } from '../region/reports/reported.ts';
import type { LinkStatus, UplinkStatus } from './link-status.ts';
import {
  type ImagesAnswer,
  type OutboxAnswer,
  type RackMessage,
  type RegionMessage,
  UPLINK_VERSION,
} from './messages.ts';
import { OUTBOX_BATCH_MAX, Outbox } from './outbox.ts';
import type { OutboxCommand, QueuedPost } from './outbox-store.ts';
import { Questions } from './questions.ts';
import { type KnownHosts, StrangerEvents } from './stranger-events.ts';
import { UnreportedLeases } from './unreported-leases.ts';

/**
 * The fields of the event without the addresses, which the report carries itself; `undefined` if
 * the region could not read the fields and needs the rack's sentence.
 */
export const selectReportParams = (event: RackEvent): RackFields | undefined =>
  reportedEvent(event.kind, event, undefined)?.params;

/** True for a change of settings that came from the region, whose own event says who made it. */
const isFromRegion = (event: RackEvent): boolean =>
  (event.kind === 'config.changed' || event.kind === 'config.applied') && selectReportParams(event)?.source === 'store';

/**
 * Events within this time share one message, in milliseconds: each message is a transaction of the
 * region.
 */
const GATHER_MS = 50;
/** How often the rack's measures are sent, in milliseconds. */
const MEASURE_MS = 60_000;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** After a thread has run this long, in milliseconds, the next restart is quick again. */
const HEALTHY_MS = 60_000;
/** How often shutdown checks whether the thread has stored everything, in milliseconds. */
const HAND_OVER_CHECK_MS = 5;
/**
 * How long a machine or an operator waits for the thread's answer, in milliseconds. A slower disk
 * counts as failing.
 */
const ANSWER_MS_MAX = 4000;
/**
 * How long an operator waits for the socket of the images while the threads behind it do nothing,
 * in milliseconds: on a busy host they take long to start. A thread that ends is known at once.
 */
const OPEN_IMAGES_MS_MAX = 60_000;
/** While so many events wait, leases that the region may not know are held back. */
export const EVENTS_WAITING_MAX = 1024;

/** The part of node:worker_threads' `Worker` that the rack needs. */
export interface UplinkThread {
  on(event: 'message', listener: (message: RegionMessage) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  once(event: 'exit', listener: () => void): unknown;
  postMessage(message: RackMessage): void;
  terminate(): Promise<unknown>;
}

export interface RackUplinkOptions {
  /** `embedded`: the thread is the region; `remote`: it is the link to one. */
  readonly mode: 'embedded' | 'remote';
  readonly startThread: () => UplinkThread;
  /**
   * The processor time used by the thread that opens the socket of the images, in milliseconds.
   * Default: unknown.
   */
  readonly readUsedMs?: (() => number) | undefined;
  readonly rack: () => RackDescription;
  /** What the rack measures of itself; `undefined` if it does not run yet. */
  readonly measure?: (() => RackMeasures | undefined) | undefined;
  readonly imageTree: () => string;
  /** True if the rack copies the region's images into that directory. Default: no. */
  readonly copiesImages?: (() => boolean) | undefined;
  /** Identifies this life of the rack's process. */
  readonly life: string;
  readonly clock: Clock;
  readonly stream: EventStream;
  readonly knownHosts: KnownHosts;
  readonly publish: Publish;
  /** The desired state applied from the cache, and when it was cached. */
  readonly cachedState: { readonly version: number; readonly sinceMs: number | undefined };
  /**
   * Applies a desired state. The machines are in force when it returns, the settings when the
   * promise resolves; the rack's description says why settings are not. Never rejects.
   */
  readonly onDesiredState: (state: DesiredState) => Promise<void>;
  /** Starts a scan of networks for an embedded region. */
  readonly onScan?: ((scan: NetworkScan) => ScanOutcome) | undefined;
  /** Does what the region asks for. Never rejects. */
  readonly onTask?: ((task: RackTask) => Promise<TaskAnswer>) | undefined;
  readonly onListening: (addresses: readonly string[]) => void;
  /** Called on a failure inside the region, for the operator. */
  readonly onProblem: (id: string, note: RackNote) => void;
  /**
   * Called when the thread refuses to work, perhaps with an error's code (`retryMs` is then
   * `undefined`), and when it has ended: it is then started again after `retryMs`.
   */
  readonly onTrouble: (note: RackNote, retryMs: number | undefined, code?: RackErrorCode) => void;
}

/** The rack's side of its region. */
export class RackUplink {
  readonly #options: RackUplinkOptions;
  readonly #outbox = new Outbox();
  readonly #strangers: StrangerEvents;
  readonly #unreportedLeases: UnreportedLeases;
  readonly #cursor;
  readonly #posts: Questions<NotKept | undefined>;
  readonly #commands: Questions<OutboxAnswer>;
  readonly #images: Questions<ImagesAnswer>;
  #worker: UplinkThread | undefined;
  #state: 'starting' | 'up' | 'waiting' = 'starting';
  #link: LinkStatus | undefined;
  #addresses: readonly string[] = [];
  #unopened: UplinkStatus['unopened'] = [];
  #problem: RackNote | undefined;
  /** True once this thread's region has sent a state. */
  #hasReceivedState = false;
  #desiredVersion: number;
  #desiredSince: number | undefined;
  #failures = 0;
  #startedAt = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #gatherTimer: Timer | undefined;
  #restartTimer: Timer | undefined;
  #measureTimer: Timer | undefined;
  #isClosing = false;

  constructor(options: RackUplinkOptions) {
    this.#options = options;
    this.#strangers = new StrangerEvents(options.knownHosts);
    this.#unreportedLeases = new UnreportedLeases(options.knownHosts);
    this.#desiredVersion = options.cachedState.version;
    this.#desiredSince = options.cachedState.sinceMs;
    this.#posts = new Questions(options.clock, ANSWER_MS_MAX);
    this.#commands = new Questions(options.clock, ANSWER_MS_MAX);
    this.#images = new Questions(options.clock, OPEN_IMAGES_MS_MAX, options.readUsedMs);
    this.#cursor = options.stream.subscribe(() => this.#collect(EVENTS_PER_TURN_MAX), 'uplink');
  }

  start(): void {
    this.#state = 'starting';
    this.#link = undefined;
    this.#hasReceivedState = false;
    this.#startedAt = this.#options.clock.now();
    const worker = this.#options.startThread();
    this.#worker = worker;
    let reason: RackNote = { note: 'region-ended' };
    worker.on('message', (message: RegionMessage) => {
      // The thread ends after this message, which gives the reason.
      if (message.kind === 'refused') reason = message.note;
      this.#receive(message);
    });
    worker.on('error', (error) => {
      reason = { note: 'region-failed', reason: errorText(error) };
    });
    worker.on('exit', () => this.#handleExit(worker, reason));
    this.introduce();
    this.#measure();
    const unacknowledged = this.#outbox.findUnacknowledged();
    if (unacknowledged !== undefined) this.#post({ kind: 'events', ...unacknowledged });
  }

  /**
   * True while the region runs and, if it is remote, the link is up, even if it refuses requests at
   * the moment.
   */
  get isUp(): boolean {
    return this.#state === 'up' && (this.#options.mode === 'embedded' || this.#link?.state === 'up');
  }

  status(): UplinkStatus {
    const { mode } = this.#options;
    const link = mode === 'remote' ? toDisplayedLink(this.#link) : undefined;
    return {
      mode,
      state: this.#state === 'up' && mode === 'remote' ? (link?.state ?? 'registering') : this.#state,
      addresses: this.#addresses,
      unopened: this.#unopened,
      desiredVersion: this.#desiredVersion,
      desiredSince: this.#desiredSince,
      eventsWaiting: this.#waitingCount,
      eventsDropped: link === undefined ? this.#outbox.dropped : link.dropped + this.#outbox.unreportedCount,
      eventsWithheld: this.#strangers.withheld,
      problem: this.#problem && noteText(this.#problem),
      link,
    };
  }

  /** Sends the rack's description: at the start, and after each change. */
  introduce(): void {
    const { life, rack, imageTree, copiesImages } = this.#options;
    const images = { imageTree: imageTree(), copiesImages: copiesImages?.() };
    this.#post({ kind: 'hello', uplink: UPLINK_VERSION, life, rack: rack(), ...images });
  }

  #measure(): void {
    const { measure, clock } = this.#options;
    if (measure === undefined) return;
    const measures = measure();
    if (measures !== undefined) this.#post({ kind: 'measured', measures });
    this.#measureTimer?.cancel();
    this.#measureTimer = clock.schedule(MEASURE_MS, () => this.#measure());
  }

  /**
   * Stores a machine's post on disk, to be sent to the region later.
   * @returns why it could not be stored; `undefined` if it is on disk
   */
  async queuePost(post: QueuedPost): Promise<NotKept | undefined> {
    if (this.#state !== 'up') return 'thread-down';
    const question = this.#posts.ask((id) => this.#post({ kind: 'post', id, post }));
    const answer = await question;
    return answer.kind === 'answered' ? answer.value : answer.kind;
  }

  /** Lists or handles refused entries; `undefined` if the thread does not answer. */
  async handleOutbox(command: OutboxCommand): Promise<OutboxAnswer | undefined> {
    if (this.#state !== 'up') return undefined;
    const answer = await this.#commands.ask((id) => this.#post({ kind: 'outbox', id, command }));
    return answer.kind === 'answered' ? answer.value : undefined;
  }

  /** Opens the socket on which commands have images changed; `undefined` if the thread does not answer. */
  async openImages(): Promise<ImagesAnswer | undefined> {
    const answer = await this.#images.ask((id) => this.#post({ kind: 'open-images', id }));
    return answer.kind === 'answered' ? answer.value : undefined;
  }

  /** Sends changed settings to the region. */
  configure(config: RegionConfig): void {
    this.#post({ kind: 'configure', config });
  }

  /** Sends the leases outside the dynamic ranges, which the region may not know. */
  reportLeases(leases: readonly Lease[]): void {
    this.#unreportedLeases.add(leases, this.#options.clock.now());
    this.#reportSomeLeases();
  }

  /** Sends some of the waiting leases, unless so many events wait that the leases could displace them. */
  #reportSomeLeases(): void {
    const hasRoom = !this.#isClosing && this.#waitingCount < EVENTS_WAITING_MAX;
    if (hasRoom) this.#enqueue(this.#unreportedLeases.take(OUTBOX_BATCH_MAX, this.#options.clock.now()));
    this.#sendSoon();
  }

  /** Events that the region has not stored. */
  get #waitingCount(): number {
    return this.#outbox.length + (this.#link?.waiting ?? 0);
  }

  /** Hands over waiting events, and ends the thread within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    this.#unreportedLeases.close();
    this.#restartTimer?.cancel();
    this.#measureTimer?.cancel();
    this.#gatherTimer?.cancel();
    const worker = this.#worker;
    if (worker === undefined) return;
    const { clock } = this.#options;
    const deadline = later(clock.now(), graceMs);
    await this.#handOver(deadline);
    if (this.#worker === undefined) return;
    await new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      this.#post({ kind: 'close' });
      clock.schedule(Math.max(0, deadline - clock.now()), () => void worker.terminate().then(() => resolve()));
    });
  }

  /** Sends all waiting events, and waits until the thread has stored them. */
  async #handOver(deadline: Instant): Promise<void> {
    const { clock } = this.#options;
    this.#collect();
    this.#send();
    while (this.#worker !== undefined && this.#outbox.length > 0 && clock.now() < deadline) {
      await pause(clock, HAND_OVER_CHECK_MS);
    }
  }

  #collect(limit?: number): void {
    const { events, missed } = this.#cursor.drain(limit);
    if (missed > 0) this.#outbox.addDropped(missed);
    this.#enqueue(events.flatMap((event) => this.#strangers.take(event) ?? []));
    this.#sendSoon();
  }

  #enqueue(events: readonly RackEvent[]): void {
    // Use the current wall time: the clock may have been set since the start.
    const wallOffsetMs = this.#options.clock.wallTimeMs() - this.#options.clock.now();
    for (const event of events) {
      const kind = EVENT_KINDS.get(event.kind);
      if (kind === undefined || kind.level === 'debug' || isFromRegion(event)) continue;
      this.#outbox.add({
        kind: event.kind,
        level: kind.level,
        at: Math.round(event.at + wallOffsetMs),
        mac: event.mac === undefined ? undefined : formatMac(event.mac),
        address: event.address === undefined ? undefined : formatIpv4(event.address),
        text: composeEventText(event),
        params: selectReportParams(event),
      });
    }
  }

  /**
   * Sends a full batch, or the first event after GATHER_MS without a message, at once; otherwise
   * gathers events first.
   */
  #sendSoon(): void {
    const { clock } = this.#options;
    const waitMs = this.#sentAt + GATHER_MS - clock.now();
    if (waitMs <= 0 || this.#outbox.hasFullBatch) this.#send();
    else this.#gatherTimer ??= clock.schedule(waitMs, () => this.#send());
  }

  #send(): void {
    this.#gatherTimer?.cancel();
    this.#gatherTimer = undefined;
    if (this.#state === 'waiting') return;
    const batch = this.#outbox.take();
    if (batch === undefined) return;
    this.#sentAt = this.#options.clock.now();
    this.#post({ kind: 'events', ...batch });
  }

  #post(message: RackMessage): void {
    this.#worker?.postMessage(message);
  }

  #receive(message: RegionMessage): void {
    switch (message.kind) {
      case 'desired-state':
        this.#apply(message);
        break;
      case 'stored':
        this.#outbox.acknowledge(message.sequence);
        this.#reportSomeLeases();
        break;
      case 'listening':
        this.#state = 'up';
        this.#problem = undefined;
        this.#addresses = message.addresses;
        this.#options.onListening(message.addresses);
        break;
      case 'unopened':
        this.#unopened = message.listeners;
        break;
      case 'problem':
        this.#options.onProblem(message.id, message.note);
        break;
      case 'refused':
        this.#options.onTrouble(message.note, undefined, message.code);
        break;
      case 'scan':
        this.#post({ kind: 'scan-answer', outcome: this.#options.onScan?.(message.scan) ?? 'unheard' });
        break;
      case 'request':
        void this.#answer(message.request);
        break;
      case 'link':
        this.#link = message.status;
        this.#reportSomeLeases();
        break;
      case 'notice':
        this.#options.publish({ ...message.event, at: this.#options.clock.now() });
        break;
      case 'post-stored':
        this.#posts.answer(message.id, message.refusal);
        break;
      case 'outbox-answer':
        this.#commands.answer(message.id, message.answer);
        break;
      case 'images-open':
        this.#images.answer(message.id, message.answer);
        break;
      default:
        unreachable(message);
    }
  }

  async #answer({ id, task }: RackRequest): Promise<void> {
    const answer = (await this.#options.onTask?.(task)) ?? { outcome: 'unwritten' };
    this.#post({ kind: 'answered', answer: { id, ...answer } });
  }

  #apply({ state, isAnew = false }: Extract<RegionMessage, { kind: 'desired-state' }>): void {
    const isNew = isAnew || !this.#hasReceivedState || state.version < this.#desiredVersion;
    this.#hasReceivedState = true;
    const newMacs = this.#strangers.findNewInterfaces(state);
    const applied = this.#options.onDesiredState(state);
    this.#enqueue(this.#strangers.composeLeaseEvents(newMacs));
    this.#sendSoon();
    this.#desiredVersion = state.version;
    this.#desiredSince = this.#options.clock.wallTimeMs();
    void applied.then(() => {
      this.#post({ kind: 'applied', version: state.version });
      // With its settings the dynamic ranges are in force. A region that restarted, or
      // another region, may know none of the leases: all are sent.
      if (isNew)
        void this.#unreportedLeases.addAll(() => this.#options.clock.now()).then(() => this.#reportSomeLeases());
    });
  }

  #handleExit(worker: UplinkThread, reason: RackNote): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#measureTimer?.cancel();
    this.#posts.forget();
    this.#commands.forget();
    this.#images.forget();
    if (this.#isClosing) return;
    this.#addresses = [];
    this.#unopened = [];
    const { clock } = this.#options;
    if (clock.now() - this.#startedAt > HEALTHY_MS) this.#failures = 0;
    const retryMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.#failures);
    this.#failures += 1;
    this.#state = 'waiting';
    this.#problem = reason;
    this.#options.onTrouble(reason, retryMs);
    this.#restartTimer = clock.schedule(retryMs, () => this.start());
  }
}

/** The link as people see it: away as soon as no address serves a request. */
function toDisplayedLink(link: LinkStatus | undefined): LinkStatus | undefined {
  if (link?.state !== 'up' || link.unserved === undefined) return link;
  const { sinceMs, text } = link.unserved;
  return { ...link, state: 'away', since: sinceMs, text };
}
