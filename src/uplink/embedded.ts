// The carrier to a region in a thread of this process. The rack never waits for it: messages are posted, answers come when they
// come, and a thread that ends is started again while the rack goes on with the last desired state.
//
//   starting ──listening──▶ up ──exit──▶ waiting ──back-off──▶ starting
//   (start)                 (#receive)   (#ended)              (start)

import type { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../clock.ts';
import { errorText } from '../errors.ts';
import type { DesiredState } from '../machines/machine.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import type { EventStream } from '../observe/event-stream.ts';
import { type EventKinds, eventText } from '../observe/event-text.ts';
import type { RegionConfig } from '../region/config.ts';
import { type RackMessage, type RegionMessage, UPLINK_VERSION } from './messages.ts';
import { Outbox } from './outbox.ts';

/** Events that follow each other closer than this go in one message: each message is a transaction of the region. */
const GATHER_MS = 50;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** A region that ran this long is healthy: the next restart comes quickly again. */
const HEALTHY_MS = 60_000;

export interface EmbeddedUplinkOptions {
  /** Starts the region's thread. */
  readonly startThread: () => Worker;
  readonly rack: string;
  /** Identifies this life of the rack's process. */
  readonly life: string;
  readonly clock: Clock;
  readonly stream: EventStream;
  readonly kinds: EventKinds;
  /** Puts a desired state into force; synchronous. */
  readonly onDesiredState: (state: DesiredState) => void;
  /** The region answers on these addresses. */
  readonly onListening: (addresses: readonly string[]) => void;
  /** Something failed inside the region that an operator should know. */
  readonly onProblem: (id: string, text: string) => void;
  /** The region thread ended or refused; it is started again after `retryMs` unless undefined. */
  readonly onTrouble: (reason: string, retryMs: number | undefined) => void;
}

export interface UplinkStatus {
  readonly mode: 'embedded';
  readonly state: 'starting' | 'up' | 'waiting';
  readonly addresses: readonly string[];
  readonly desiredVersion: number;
  readonly eventsWaiting: number;
  readonly eventsDropped: number;
}

/** The rack's side of an embedded region. */
export class EmbeddedUplink {
  readonly #options: EmbeddedUplinkOptions;
  readonly #outbox = new Outbox();
  readonly #cursor;
  #worker: Worker | undefined;
  #state: UplinkStatus['state'] = 'starting';
  #addresses: readonly string[] = [];
  #desiredVersion = 0;
  #failures = 0;
  #startedAt = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #gathering: Timer | undefined;
  #restart: Timer | undefined;
  #closing = false;

  constructor(options: EmbeddedUplinkOptions) {
    this.#options = options;
    this.#cursor = options.stream.subscribe(() => this.#collect());
  }

  /** Starts the region's thread and returns at once. */
  start(): void {
    this.#state = 'starting';
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
    this.#post({ kind: 'hello', version: UPLINK_VERSION, rack: this.#options.rack, life: this.#options.life });
    const pending = this.#outbox.again();
    if (pending !== undefined) this.#post({ kind: 'events', ...pending });
  }

  status(): UplinkStatus {
    return {
      mode: 'embedded',
      state: this.#state,
      addresses: this.#addresses,
      desiredVersion: this.#desiredVersion,
      eventsWaiting: this.#outbox.length,
      eventsDropped: this.#outbox.dropped,
    };
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
    this.#collect();
    this.#send();
    await new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      this.#post({ kind: 'close' });
      this.#options.clock.schedule(graceMs, () => void worker.terminate().then(() => resolve()));
    });
  }

  #collect(): void {
    const { events, missed } = this.#cursor.drain();
    if (missed > 0) this.#outbox.addDropped(missed);
    for (const event of events) {
      const kind = this.#options.kinds.get(event.kind);
      if (kind === undefined || kind.level === 'debug') continue;
      this.#outbox.add({
        kind: event.kind,
        level: kind.level,
        at: Math.round(event.at),
        mac: event.mac === undefined ? undefined : formatMac(event.mac),
        address: event.address === undefined ? undefined : formatIpv4(event.address),
        text: eventText(event, kind),
      });
    }
    this.#sendSoon();
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
        this.#options.onDesiredState(message.state);
        this.#desiredVersion = message.state.version;
        this.#post({ kind: 'applied', version: message.state.version });
        break;
      case 'stored':
        this.#outbox.acknowledge(message.sequence);
        this.#sendSoon();
        break;
      case 'listening':
        this.#state = 'up';
        this.#addresses = message.addresses;
        this.#options.onListening(message.addresses);
        break;
      case 'problem':
        this.#options.onProblem(message.id, message.text);
        break;
      case 'refused':
        this.#options.onTrouble(message.reason, undefined);
        break;
    }
  }

  #ended(worker: Worker, reason: string): void {
    if (this.#worker !== worker || this.#closing) return;
    this.#worker = undefined;
    this.#addresses = [];
    const { clock } = this.#options;
    if (clock.now() - this.#startedAt > HEALTHY_MS) this.#failures = 0;
    const retryMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.#failures);
    this.#failures += 1;
    this.#state = 'waiting';
    this.#options.onTrouble(reason, retryMs);
    this.#restart = clock.schedule(retryMs, () => this.start());
  }
}
