// The rack's side of its region, wherever that is: a thread of this process is the region, or carries to a remote one. The rack never
// waits for it: messages are posted, answers come when they come, and a thread that ends is started again while the rack goes on with
// the last desired state.
//
//   starting ──listening──▶ up ──exit──▶ waiting ──back-off──▶ starting
//   (start)                 (#receive)   (#ended)              (start)

import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import { errorText, unreachable } from '../errors.ts';
import type { Publish, RackEvent } from '../event.ts';
import type { DesiredState } from '../machines/machine.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import { EVENTS_PER_TURN_MAX, type EventStream } from '../observe/event-stream.ts';
import { type EventKinds, eventText } from '../observe/event-text.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import type { LinkStatus } from './link-status.ts';
import { type OutboxAnswer, type RackMessage, type RegionMessage, UPLINK_VERSION } from './messages.ts';
import { Outbox } from './outbox.ts';
import type { OutboxCommand, QueuedPost } from './outbox-store.ts';
import { Questions } from './questions.ts';
import { type Acquaintance, StrangerEvents } from './stranger-events.ts';

/** Events that follow each other closer than this go in one message: each message is a transaction of the region. */
const GATHER_MS = 50;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** A region that ran this long is healthy: the next restart comes quickly again. */
const HEALTHY_MS = 60_000;
/** How often it is looked, at the end, whether the thread has stored everything. */
const HAND_OVER_LOOK_MS = 5;
/** How long a machine or a person waits for the thread's answer: a disk that is slower counts as one that does not take it. */
const ANSWER_MS_MAX = 4000;

/** What the rack needs of a thread; `Worker` of node:worker_threads is one. */
export interface UplinkThread {
  on(event: 'message', listener: (message: RegionMessage) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  once(event: 'exit', listener: () => void): unknown;
  postMessage(message: RackMessage): void;
  terminate(): Promise<unknown>;
}

export interface RackUplinkOptions {
  /** Whether the thread is the region, or carries to one. */
  readonly mode: 'embedded' | 'remote';
  /** Starts the thread. */
  readonly startThread: () => UplinkThread;
  /** What this rack says of itself now. */
  readonly rack: () => RackDescription;
  /** Where its disk images are now. */
  readonly imageTree: () => string;
  /** Identifies this life of the rack's process. */
  readonly life: string;
  readonly clock: Clock;
  readonly stream: EventStream;
  readonly kinds: EventKinds;
  /** Of whose leases the region is told each event. */
  readonly acquaintance: Acquaintance;
  /** Events that happened in the thread. */
  readonly publish: Publish;
  /** The state that was put into force before this began, and when it was cached. */
  readonly cached: { readonly version: number; readonly sinceMs: number | undefined };
  /**
   * Puts a desired state into force. Machines are when it returns; the promise, which never rejects, ends when the settings are, too, or
   * when what the rack says of itself names why they are not.
   */
  readonly onDesiredState: (state: DesiredState) => Promise<void>;
  /** The region answers on these addresses. */
  readonly onListening: (addresses: readonly string[]) => void;
  /** Something failed inside the region that an operator should know. */
  readonly onProblem: (id: string, text: string) => void;
  /** The region thread ended or refused; it is started again after `retryMs` unless undefined. */
  readonly onTrouble: (reason: string, retryMs: number | undefined) => void;
}

export interface UplinkStatus {
  readonly mode: 'embedded' | 'remote';
  /** Of the thread, while it is not up; of the link, when the region is remote. */
  readonly state: 'starting' | 'waiting' | LinkStatus['state'];
  readonly addresses: readonly string[];
  readonly desiredVersion: number;
  /** When the state in force came, wall time in milliseconds; undefined: there is none. */
  readonly desiredSince: number | undefined;
  readonly eventsWaiting: number;
  readonly eventsDropped: number;
  /** Everyday events of strangers' leases that the region was not told of one by one. */
  readonly eventsWithheld: number;
  /** Why the thread did not stay up; undefined: it is up, or was not started before. */
  readonly problem?: string | undefined;
  /** Undefined: the region is embedded, or nothing is known yet. */
  readonly link?: LinkStatus | undefined;
}

/** The rack's side of its region. */
export class RackUplink {
  readonly #options: RackUplinkOptions;
  readonly #outbox = new Outbox();
  readonly #strangers: StrangerEvents;
  readonly #cursor;
  readonly #posts: Questions<string | undefined>;
  readonly #commands: Questions<OutboxAnswer>;
  #worker: UplinkThread | undefined;
  #state: 'starting' | 'up' | 'waiting' = 'starting';
  #link: LinkStatus | undefined;
  #addresses: readonly string[] = [];
  #problem: string | undefined;
  #desiredVersion: number;
  #desiredSince: number | undefined;
  #failures = 0;
  #startedAt = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #gathering: Timer | undefined;
  #restart: Timer | undefined;
  #closing = false;

  constructor(options: RackUplinkOptions) {
    this.#options = options;
    this.#strangers = new StrangerEvents(options.acquaintance);
    this.#desiredVersion = options.cached.version;
    this.#desiredSince = options.cached.sinceMs;
    this.#posts = new Questions(options.clock, ANSWER_MS_MAX);
    this.#commands = new Questions(options.clock, ANSWER_MS_MAX);
    this.#cursor = options.stream.subscribe(() => this.#collect(EVENTS_PER_TURN_MAX), 'uplink');
  }

  /** Starts the thread and returns at once. */
  start(): void {
    this.#state = 'starting';
    this.#link = undefined;
    this.#startedAt = this.#options.clock.now();
    const worker = this.#options.startThread();
    this.#worker = worker;
    let reason = 'its thread ended';
    worker.on('message', (message: RegionMessage) => {
      // The thread ends after this; why it ended is known by then.
      if (message.kind === 'refused') reason = message.reason;
      this.#receive(message);
    });
    worker.on('error', (error) => {
      reason = errorText(error);
    });
    worker.on('exit', () => this.#ended(worker, reason));
    this.introduce();
    const pending = this.#outbox.again();
    if (pending !== undefined) this.#post({ kind: 'events', ...pending });
  }

  status(): UplinkStatus {
    const { mode } = this.#options;
    const link = mode === 'remote' ? this.#link : undefined;
    return {
      mode,
      state: this.#state === 'up' && mode === 'remote' ? (link?.state ?? 'registering') : this.#state,
      addresses: this.#addresses,
      desiredVersion: this.#desiredVersion,
      desiredSince: this.#desiredSince,
      eventsWaiting: this.#outbox.length + (link?.waiting ?? 0),
      eventsDropped: link === undefined ? this.#outbox.dropped : link.dropped + this.#outbox.untold,
      eventsWithheld: this.#strangers.withheld,
      problem: this.#problem,
      link,
    };
  }

  /** Says who this rack is: at the start, and when that has changed. */
  introduce(): void {
    const { life, rack, imageTree } = this.#options;
    this.#post({ kind: 'hello', uplink: UPLINK_VERSION, life, rack: rack(), imageTree: imageTree() });
  }

  /**
   * Puts a machine's post where it outlives this process, to be carried to the region later.
   * @returns undefined when it is on disk; else why it is not
   */
  async queuePost(post: QueuedPost): Promise<string | undefined> {
    if (this.#state !== 'up') return 'the thread that keeps posts does not run';
    const asked = this.#posts.ask((id) => this.#post({ kind: 'post', id, post }));
    const answer = await asked;
    return answer.kind === 'answered' ? answer.value : answer.kind;
  }

  /** Lists or handles what the region refused; undefined: the thread does not answer. */
  async handleOutbox(command: OutboxCommand): Promise<OutboxAnswer | undefined> {
    if (this.#state !== 'up') return undefined;
    const answer = await this.#commands.ask((id) => this.#post({ kind: 'outbox', id, command }));
    return answer.kind === 'answered' ? answer.value : undefined;
  }

  /** Tells the region of settings that changed. */
  configure(config: RegionConfig): void {
    this.#post({ kind: 'configure', config });
  }

  /** Hands over what waits, and ends the thread within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#restart?.cancel();
    this.#gathering?.cancel();
    const worker = this.#worker;
    if (worker === undefined) return;
    const { clock } = this.#options;
    const end = later(clock.now(), graceMs);
    await this.#handOver(end);
    if (this.#worker === undefined) return;
    await new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      this.#post({ kind: 'close' });
      clock.schedule(Math.max(0, end - clock.now()), () => void worker.terminate().then(() => resolve()));
    });
  }

  /** Gives the thread batch after batch, and waits until it has all of them on disk. */
  async #handOver(end: Instant): Promise<void> {
    const { clock } = this.#options;
    this.#collect();
    this.#send();
    while (this.#worker !== undefined && this.#outbox.length > 0 && clock.now() < end) {
      await new Promise<void>((resolve) => clock.schedule(HAND_OVER_LOOK_MS, resolve));
    }
  }

  #collect(limit?: number): void {
    const { events, missed } = this.#cursor.drain(limit);
    if (missed > 0) this.#outbox.addDropped(missed);
    this.#put(events.flatMap((event) => this.#strangers.take(event) ?? []));
    this.#sendSoon();
  }

  #put(events: readonly RackEvent[]): void {
    // Wall time as it is now, also when the clock was set since the start.
    const wallOffsetMs = this.#options.clock.wallTimeMs() - this.#options.clock.now();
    for (const event of events) {
      const kind = this.#options.kinds.get(event.kind);
      if (kind === undefined || kind.level === 'debug') continue;
      this.#outbox.add({
        kind: event.kind,
        level: kind.level,
        at: Math.round(event.at + wallOffsetMs),
        mac: event.mac === undefined ? undefined : formatMac(event.mac),
        address: event.address === undefined ? undefined : formatIpv4(event.address),
        text: eventText(event, kind),
      });
    }
  }

  /** The first event after a while, and a full batch, go at once; others wait for company. */
  #sendSoon(): void {
    const { clock } = this.#options;
    const waitMs = this.#sentAt + GATHER_MS - clock.now();
    if (waitMs <= 0 || this.#outbox.hasFullBatch) this.#send();
    else this.#gathering ??= clock.schedule(waitMs, () => this.#send());
  }

  #send(): void {
    this.#gathering?.cancel();
    this.#gathering = undefined;
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
        this.#putInForce(message.state);
        break;
      case 'stored':
        this.#outbox.acknowledge(message.sequence);
        this.#sendSoon();
        break;
      case 'listening':
        this.#state = 'up';
        this.#problem = undefined;
        this.#addresses = message.addresses;
        this.#options.onListening(message.addresses);
        break;
      case 'problem':
        this.#options.onProblem(message.id, message.text);
        break;
      case 'refused':
        this.#options.onTrouble(message.reason, undefined);
        break;
      case 'link':
        this.#link = message.status;
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
      default:
        unreachable(message);
    }
  }

  #putInForce(state: DesiredState): void {
    const newcomers = this.#strangers.newcomers(state);
    const done = this.#options.onDesiredState(state);
    this.#put(this.#strangers.introduce(newcomers));
    this.#sendSoon();
    this.#desiredVersion = state.version;
    this.#desiredSince = this.#options.clock.wallTimeMs();
    void done.then(() => this.#post({ kind: 'applied', version: state.version }));
  }

  #ended(worker: UplinkThread, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#posts.forget();
    this.#commands.forget();
    if (this.#closing) return;
    this.#addresses = [];
    const { clock } = this.#options;
    if (clock.now() - this.#startedAt > HEALTHY_MS) this.#failures = 0;
    const retryMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.#failures);
    this.#failures += 1;
    this.#state = 'waiting';
    this.#problem = reason;
    this.#options.onTrouble(reason, retryMs);
    this.#restart = clock.schedule(retryMs, () => this.start());
  }
}
