// Follows the desired state of a remote region: fetches it by ETag when the stream opens, after
// each change announced in it, and at intervals.
//
//   changes (a stream) ──another version──▶ poke ──▶ GET state ──200, or 226 with the changes──▶ onState
//                                                       └─304─▶ nothing
//
// 1. The first fetch of a life is unconditional: the same version of another region, or of a
//    restored one, may be another state.
// 2. Changes apply to the state whose tag was sent. If they are invalid, the next fetch is
//    unconditional again.
// 3. One fetch is in flight at a time, so an older state never follows a newer one.
// 4. A stream that is silent for STREAM_SILENCE_MS_MAX is dead, even if its connection is open.

import type { Clock, Timer } from '../ground/clock.ts';
import { parseStateText } from '../machines/desired-state.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { RackRequest } from '../region/records/rack-request.ts';
import { STATE_BYTES_MAX } from './desired-state-cache.ts';
import { parseChange, parseRackRequest } from './link-answers.ts';
import type { LinkAnswer, LinkRequest, LinkTransport } from './link-transport.ts';
import { Repeater, type RunOutcome } from './repeater.ts';

/** The interval of fetches without an announced change, in milliseconds. */
const POLL_MS = 60_000;
/** The longest silence of the stream, in milliseconds; the region writes a comment every 15 s. */
const STREAM_SILENCE_MS_MAX = 45_000;
/** The wait before an ended stream is opened again, in milliseconds. */
const STREAM_AGAIN_MS = 1000;

interface StateFollowerOptions {
  readonly clock: Clock;
  readonly transport: LinkTransport;
  /** The link's paths. */
  readonly path: (name: 'state' | 'changes') => string;
  readonly ask: (request: LinkRequest) => Promise<LinkAnswer | undefined>;
  /**
   * @param isAnew the region started since the last state, or the state has another history: the
   * region may lack what it was sent
   */
  readonly onState: (state: DesiredState, isAnew: boolean) => void;
  /** Called when the region asks something of the rack. */
  readonly onRequest: (request: RackRequest) => void;
  /** Called when the stream ends; the region may be gone. */
  readonly onStreamEnd: () => void;
  /** Called when the region sends an invalid state. */
  readonly onProblem: (reason: string) => void;
}

export class StateFollower {
  readonly #options: StateFollowerOptions;
  readonly #fetching: Repeater;
  readonly #following: Repeater;
  /** The last state, and the region's tag of it, which is sent back as it came. */
  #lastState: { readonly state: DesiredState; readonly tag: string | undefined } | undefined;
  /** The position of the last valid state in a history of the region. */
  #position: { readonly version: number; readonly basis: string } | undefined;
  #stream: { close(): void } | undefined;
  #silenceTimer: Timer | undefined;
  /** The number of stops. An answer to a request from before the last stop is ignored. */
  #stopCount = 0;

  constructor(options: StateFollowerOptions) {
    this.#options = options;
    this.#fetching = new Repeater(options.clock, () => this.#fetch());
    this.#following = new Repeater(options.clock, () => this.#follow());
  }

  start(): void {
    this.#fetching.start();
    this.#following.start();
  }

  stop(): void {
    this.#stopCount += 1;
    this.#fetching.stop();
    this.#following.stop();
    this.#endStream();
  }

  /** Call when the region answers again. */
  hasten(): void {
    this.#fetching.hasten();
    this.#following.hasten();
  }

  async #fetch(): Promise<RunOutcome> {
    const { ask, path, onState, onProblem } = this.#options;
    const lastState = this.#lastState;
    const stopCount = this.#stopCount;
    const answer = await ask({
      method: 'GET',
      path: path('state'),
      authorized: true,
      answerBytesMax: STATE_BYTES_MAX,
      ifNoneMatch: lastState?.tag,
      takesChanges: lastState?.tag !== undefined,
    });
    if (answer === undefined || stopCount !== this.#stopCount) return { kind: 'failed' };
    if (answer.status === 304) return { kind: 'rest', ms: POLL_MS };
    const isChanges = answer.status === 226 && lastState !== undefined;
    if (answer.status !== 200 && !isChanges) return { kind: 'failed', retryAfterMs: answer.retryAfterMs };
    const parsed = parseStateText(answer.body, isChanges ? lastState.state : undefined);
    if (!parsed.ok) {
      if (isChanges) this.#lastState = undefined;
      onProblem(parsed.problem);
      return { kind: 'failed' };
    }
    this.#lastState = { state: parsed.state, tag: answer.etag };
    const position = { version: parsed.state.version, basis: parseTagBasis(answer.etag) };
    const isAnew = this.#position?.basis !== position.basis || position.version < this.#position.version;
    this.#position = position;
    onState(parsed.state, isAnew);
    return { kind: 'rest', ms: POLL_MS };
  }

  #follow(): Promise<RunOutcome> {
    const { transport, path, onStreamEnd, onRequest } = this.#options;
    return new Promise((resolve) => {
      let isOpened = false;
      const end = (): void => {
        this.#endStream();
        if (isOpened) onStreamEnd();
        resolve(isOpened ? { kind: 'rest', ms: STREAM_AGAIN_MS } : { kind: 'failed' });
      };
      this.#restartSilenceTimer(end);
      this.#stream = transport.follow(path('changes'), {
        onOpen: () => {
          isOpened = true;
          // The region may have started again with an older database.
          if (this.#lastState !== undefined) this.#fetching.poke();
        },
        onAlive: () => this.#restartSilenceTimer(end),
        onEvent: (event, data) => {
          if (event === 'state' && parseChange(data) !== this.#lastState?.state.version) this.#fetching.poke();
          const request = event === 'request' ? parseRackRequest(data) : undefined;
          if (request !== undefined) onRequest(request);
        },
        onEnd: end,
      });
    });
  }

  #restartSilenceTimer(end: () => void): void {
    this.#silenceTimer?.cancel();
    this.#silenceTimer = this.#options.clock.schedule(STREAM_SILENCE_MS_MAX, end);
  }

  #endStream(): void {
    this.#silenceTimer?.cancel();
    this.#stream?.close();
    this.#stream = undefined;
  }
}

/**
 * The basis and the start of the region in a tag (`region/racks/state-update.ts`): after its
 * version, which alone differs between states of one history.
 */
const parseTagBasis = (tag: string | undefined): string => tag?.slice(tag.indexOf('.')) ?? '';
