// Reads the body of an answer into a sink, no faster than the sink and the bandwidth allow, and no slower than the pace allows.
//
// 1. `read` always ends: when the body ends, arrives too slowly (pace.ts) or exceeds its size, or when the signal comes.
// 2. Waiting for a full sink or for bandwidth does not count against the server.
// 3. Each piece that comes through the parser, a chunk or a TLS record, takes processor time however short it is. So too short ones end
//    `read`, and a body in chunks leaves the turn to other connections after each read: libuv would read up to 32 times in a row.

import type { Clock, Timer } from '../../clock.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { releaseMemory } from '../conversion.ts';
import type { Bandwidth } from './bandwidth.ts';
import { AttemptFailure, type AttemptFault, cleanSaid } from './fault.ts';
import { Pace, type PaceFault } from './pace.ts';
import { lengthOf } from './range-answer.ts';
import type { DownloadSettings } from './settings.ts';
import type { WebAnswer, WebClient } from './web-client.ts';

/** How often the pace is checked and waiting bytes are written, in milliseconds. */
const JUDGE_MS = 1000;
/** So many pieces must have at least PIECE_BYTES_MIN bytes on average. They take about 0.1 s of processor time. */
const PIECES = 16_384;
/** TCP segments, which also end a piece, are several times longer on any network. */
const PIECE_BYTES_MIN = 128;

/** The resources that all attempts share. */
export interface AttemptMeans {
  readonly clock: Clock;
  readonly web: WebClient;
  readonly bandwidth: Bandwidth;
  readonly settings: DownloadSettings;
}

/** Callbacks of a sink. */
export interface SinkListener {
  /** There is room for more bytes again. */
  onDrain(): void;
  /** Bytes were stored. */
  onGrown(bytes: number): void;
  /** Nothing can be stored any more. */
  onFailure(error: unknown): void;
}

/** The destination of a body. */
export interface BodySink {
  /** How many bytes it has. */
  readonly bytes: number;
  /** True while further bytes should wait for `onDrain`. */
  readonly isFull: boolean;
  /** Appends a copy of the bytes. */
  append(bytes: Uint8Array): void;
  /** Stores the appended bytes now, even if they do not fill a batch. */
  store(): void;
  /** Sets the listener; undefined: none. */
  listen(listener: SinkListener | undefined): void;
}

/** The bounds of a body. */
interface BodyBounds {
  /** How many bytes at the beginning of the body the sink already has. */
  readonly surplus: number;
  /** The final size of the sink; undefined: unknown. */
  readonly total: number | undefined;
  readonly bytesMax: number;
  /** The longest time that this host reads, in milliseconds; undefined: any. */
  readonly wholeMs?: number | undefined;
}

/** Callbacks during a body. */
export interface BodyListener {
  /** Bytes were appended. */
  onBytes(bytesPerSecond: number): void;
  /** Bytes were stored. */
  onGrown(bytes: number): void;
}

/** The fault of a body that ended early. */
export const cutFault = ({ host }: URL, bytes: number, total: number | undefined, said: string): AttemptFault => ({
  code: 'cut',
  params: { host, bytes, total, said },
});

/** A body that is being read. */
export class Body {
  readonly #answer: WebAnswer;
  readonly #sink: BodySink;
  readonly #bounds: BodyBounds;
  readonly #means: AttemptMeans;
  readonly #listener: BodyListener;
  readonly #pace: Pace;
  readonly #done = Promise.withResolvers<boolean>();
  /** How many of the next bytes the sink already has. */
  #surplus: number;
  /** How many bytes of the body are missing; Infinity: unknown. */
  #missing: number;
  /** The pieces since the last judgement, and their bytes. */
  #pieces = 0;
  #pieceBytes = 0;
  #isWaitingForDisk = false;
  #isWaitingForTurn = false;
  #isWaitingForOthers = false;
  #turn: Timer | undefined;
  #nextTurn: NodeJS.Immediate | undefined;

  constructor(answer: WebAnswer, sink: BodySink, bounds: BodyBounds, means: AttemptMeans, listener: BodyListener) {
    this.#answer = answer;
    this.#sink = sink;
    this.#bounds = bounds;
    this.#means = means;
    this.#listener = listener;
    this.#surplus = bounds.surplus;
    this.#missing = lengthOf(answer.message.headers) ?? Number.POSITIVE_INFINITY;
    this.#pace = new Pace({ ...means.settings, wholeMs: bounds.wholeMs }, means.clock.now());
  }

  /** @returns false if the signal came first. @throws AttemptFailure; the system's error */
  async read(signal: AbortSignal): Promise<boolean> {
    const { message } = this.#answer;
    const { promise, resolve, reject } = this.#done;
    const stop = (): void => resolve(false);
    let timer = this.#scheduleJudge((next) => {
      timer = next;
    });
    signal.addEventListener('abort', stop, { once: true });
    this.#sink.listen({
      onDrain: () => this.#hold({ disk: false }),
      onGrown: (bytes) => this.#listener.onGrown(bytes),
      onFailure: reject,
    });
    const cut = (error?: Error): void => {
      const said = cleanSaid(error ?? 'closed');
      reject(new AttemptFailure(cutFault(this.#answer.url, this.#sink.bytes, this.#bounds.total, said), error));
    };
    const hasLength = Number.isFinite(this.#missing);
    message.on('data', (chunk: Buffer) => {
      if (!hasLength) this.#leaveTurn();
      this.#take(chunk);
      this.#countPiece(chunk.length);
      releaseMemory(chunk);
    });
    if (hasLength) this.#answer.divert((bytes) => this.#take(bytes));
    message.once('end', () => (message.complete ? resolve(true) : cut()));
    message.once('error', cut);
    message.once('close', () => (message.complete ? undefined : cut()));
    if (signal.aborted || message.destroyed) (signal.aborted ? stop : cut)();
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#turn?.cancel();
      clearImmediate(this.#nextTurn);
      signal.removeEventListener('abort', stop);
      message.removeAllListeners('data');
      this.#answer.close();
    }
  }

  #take(received: Uint8Array): void {
    const { clock, bandwidth } = this.#means;
    const now = clock.now();
    // A server may send more than it announced.
    const chunk = viewBytes(received, 0, this.#missing);
    if (chunk.length === 0) return;
    this.#missing -= chunk.length;
    this.#pace.arrived(chunk.length, now);
    const skipped = Math.min(this.#surplus, chunk.length);
    this.#surplus -= skipped;
    if (skipped < chunk.length) this.#append(viewBytes(chunk, skipped));
    const waitMs = bandwidth.take(chunk.length, now);
    if (waitMs > 0) {
      this.#turn?.cancel();
      this.#turn = clock.schedule(waitMs, () => this.#hold({ turn: false }));
    }
    if (waitMs > 0 || this.#sink.isFull) this.#hold({ turn: waitMs > 0, disk: this.#sink.isFull });
    if (this.#missing === 0) this.#done.resolve(true);
  }

  #countPiece(bytes: number): void {
    this.#pieces += 1;
    this.#pieceBytes += bytes;
    if (this.#pieces < PIECES) return;
    if (this.#pieceBytes < PIECES * PIECE_BYTES_MIN) {
      const { host } = this.#answer.url;
      const params = { host, pieces: this.#pieces, bytes: this.#pieceBytes };
      this.#done.reject(new AttemptFailure({ code: 'pieces-short', params }));
      // The rest of this read would take as long again.
      this.#answer.message.removeAllListeners('data');
    }
    this.#pieces = 0;
    this.#pieceBytes = 0;
  }

  /** Stops reading after this read, until the next turn. */
  #leaveTurn(): void {
    if (this.#isWaitingForOthers) return;
    this.#isWaitingForOthers = true;
    // A microtask runs at the end of the read, when the message has asked its connection for more.
    queueMicrotask(() => this.#hold({}));
    this.#nextTurn = setImmediate(() => this.#hold({ others: false }));
  }

  #append(bytes: Uint8Array): void {
    const { total, bytesMax } = this.#bounds;
    const most = Math.min(total ?? bytesMax, bytesMax);
    if (this.#sink.bytes + bytes.length > most) {
      const { host } = this.#answer.url;
      this.#done.reject(new AttemptFailure({ code: 'too-large', params: { host, bytesMax: most } }));
      return;
    }
    this.#sink.append(bytes);
    this.#listener.onBytes(this.#pace.bytesPerSecond);
  }

  /** Pauses or resumes reading, depending on disk, bandwidth and other connections. */
  #hold({ disk, turn, others }: { readonly disk?: boolean; readonly turn?: boolean; readonly others?: boolean }): void {
    this.#isWaitingForDisk = disk ?? this.#isWaitingForDisk;
    this.#isWaitingForTurn = turn ?? this.#isWaitingForTurn;
    this.#isWaitingForOthers = others ?? this.#isWaitingForOthers;
    const isReading = !this.#isWaitingForDisk && !this.#isWaitingForTurn && !this.#isWaitingForOthers;
    this.#pace.read(isReading, this.#means.clock.now());
    this.#answer.hold(!isReading);
  }

  #scheduleJudge(onNext: (timer: Timer) => void): Timer {
    return this.#means.clock.schedule(JUDGE_MS, () => {
      // A slow body takes long to fill a batch, and readers of the growing file wait for its bytes.
      this.#sink.store();
      const fault = this.#pace.judge(this.#means.clock.now());
      if (fault !== undefined) this.#done.reject(new AttemptFailure(this.#paceFault(fault)));
      else onNext(this.#scheduleJudge(onNext));
    });
  }

  #paceFault(fault: PaceFault): AttemptFault {
    const { host } = this.#answer.url;
    const { seconds } = fault;
    if (fault.kind === 'stalled') return { code: 'stalled', params: { host, seconds } };
    if (fault.kind === 'late') return { code: 'late', params: { host, seconds, bytes: this.#sink.bytes } };
    const { bytesPerSecondMin } = this.#means.settings;
    return { code: 'slow', params: { host, seconds, bytesPerSecond: fault.bytesPerSecond, bytesPerSecondMin } };
  }
}
