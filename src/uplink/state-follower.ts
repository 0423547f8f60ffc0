// Follows the desired state of a remote region: fetches it by ETag when the stream opens, after each change announced in it, and at intervals.
//
//   changes (a stream) ──another version──▶ poke ──▶ GET state ──200──▶ onState
//                                                       └─304─▶ nothing
//
// 1. The first fetch of a life is unconditional: the same version of another region, or of one restored from a backup, may be another
//    state.
// 2. One fetch is in flight at a time, so an older state never follows a newer one.
// 3. A stream that is silent for STREAM_SILENCE_MS_MAX is dead, even if its connection is open.

import type { Clock, Timer } from '../clock.ts';
import { parseDesiredState } from '../machines/desired-state.ts';
import type { DesiredState } from '../machines/machine.ts';
import { parseChange } from './link-answers.ts';
import type { LinkAnswer, LinkRequest, LinkTransport } from './link-transport.ts';
import { Repeater, type RunOutcome } from './repeater.ts';

/** The interval of fetches without an announced change, in milliseconds. */
const POLL_MS = 60_000;
/** Ample for the desired state of MACHINES_MAX machines. */
const STATE_BYTES_MAX = 256 * 1024 * 1024;
/** The longest silence of the stream, in milliseconds; the region writes a comment every 15 s. */
const STREAM_SILENCE_MS_MAX = 45_000;
/** The wait before an ended stream is opened again, in milliseconds. */
const STREAM_AGAIN_MS = 1000;

export interface StateFollowerOptions {
  readonly clock: Clock;
  readonly transport: LinkTransport;
  /** The link's paths. */
  readonly path: (name: 'state' | 'changes') => string;
  readonly ask: (request: LinkRequest) => Promise<LinkAnswer | undefined>;
  readonly onState: (state: DesiredState) => void;
  /** Called when the stream ends; the region may be gone. */
  readonly onStreamEnd: () => void;
  /** Called when the region sends an invalid state. */
  readonly onProblem: (text: string) => void;
}

export class StateFollower {
  readonly #options: StateFollowerOptions;
  readonly #fetching: Repeater;
  readonly #following: Repeater;
  #version: number | undefined;
  /** The region's tag of the last state, sent back as it came. */
  #tag: string | undefined;
  #stream: { close(): void } | undefined;
  #silence: Timer | undefined;

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
    const answer = await ask({
      method: 'GET',
      path: path('state'),
      authorized: true,
      answerBytesMax: STATE_BYTES_MAX,
      ifNoneMatch: this.#tag,
    });
    if (answer === undefined) return { kind: 'failed' };
    if (answer.status === 304) return { kind: 'rest', ms: POLL_MS };
    if (answer.status !== 200) return { kind: 'failed', retryAfterMs: answer.retryAfterMs };
    const parsed = parseState(answer.body);
    if (!parsed.ok) {
      onProblem(parsed.reason);
      return { kind: 'failed' };
    }
    this.#version = parsed.state.version;
    this.#tag = answer.etag;
    onState(parsed.state);
    return { kind: 'rest', ms: POLL_MS };
  }

  #follow(): Promise<RunOutcome> {
    const { transport, path, onStreamEnd } = this.#options;
    return new Promise((resolve) => {
      let opened = false;
      const end = (): void => {
        this.#endStream();
        if (opened) onStreamEnd();
        resolve(opened ? { kind: 'rest', ms: STREAM_AGAIN_MS } : { kind: 'failed' });
      };
      this.#expect(end);
      this.#stream = transport.follow(path('changes'), {
        onOpen: () => {
          opened = true;
          // The region may have started again with an older database.
          if (this.#version !== undefined) this.#fetching.poke();
        },
        onAlive: () => this.#expect(end),
        onEvent: (event, data) => {
          if (event === 'state' && parseChange(data) !== this.#version) this.#fetching.poke();
        },
        onEnd: end,
      });
    });
  }

  #expect(end: () => void): void {
    this.#silence?.cancel();
    this.#silence = this.#options.clock.schedule(STREAM_SILENCE_MS_MAX, end);
  }

  #endStream(): void {
    this.#silence?.cancel();
    this.#stream?.close();
    this.#stream = undefined;
  }
}

function parseState(body: string): ReturnType<typeof parseDesiredState> {
  try {
    return parseDesiredState(JSON.parse(body));
  } catch {
    return { ok: false, reason: 'the desired state is not JSON' };
  }
}
