// Stores the rack's events and posts in the durable outbox, and acknowledges them.
//
// 1. While the disk fails, storing the same batch is retried, and the rack sends no other batch. A
//    post is refused at once, because its machine will try again.
// 2. Entries dropped at the bounds are reported as a number, at a limited rate.

import { parseIpv4 } from '../ground/address.ts';
import type { Clock, Timer } from '../ground/clock.ts';
import { errorText, isStoreUnavailable, RackError } from '../ground/errors.ts';
import type { NotKept } from '../http/events.ts';
import { splitTarget } from '../net/region-http.ts';
import type { NoticeBody } from '../region/reports/uplink-events.ts';
import type { OutboxAnswer, OutboxRefusal, RackMessage, RegionMessage } from './messages.ts';
import type { DeadLetter, ListedLetter, OutboxCommand, OutboxStore, QueuedPost } from './outbox-store.ts';

const STORE_RETRY_MS = 1000;

interface OutboxKeeperOptions {
  readonly clock: Clock;
  readonly outbox: OutboxStore;
  readonly send: (message: RegionMessage) => void;
  readonly notice: (body: NoticeBody) => void;
  readonly onAdded: () => void;
}

export class OutboxKeeper {
  readonly #options: OutboxKeeperOptions;
  #retry: Timer | undefined;
  #problem = '';
  #isClosed = false;

  constructor(options: OutboxKeeperOptions) {
    this.#options = options;
  }

  /** Why the outbox cannot be written at the moment; empty if it can. */
  get problem(): string {
    return this.#problem;
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
  }

  /** Stores a batch of one life of the rack's process. */
  store(life: string, message: Extract<RackMessage, { kind: 'events' }>): void {
    const { outbox, send, clock, onAdded } = this.#options;
    const lastEvent = message.events.at(-1);
    if (lastEvent === undefined || this.#isClosed) return;
    try {
      const { dropped } = outbox.addReports(life, message.events, message.missed);
      this.setStoreProblem(undefined);
      if (dropped > 0) this.#reportDropped(dropped);
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
      this.setStoreProblem(errorText(error));
      this.#retry = clock.schedule(STORE_RETRY_MS, () => this.store(life, message));
      return;
    }
    send({ kind: 'stored', sequence: lastEvent.sequence });
    onAdded();
  }

  /** @returns why the post was not stored; `undefined` if it is on disk */
  storePost(post: QueuedPost): NotKept | undefined {
    const { notice, onAdded } = this.#options;
    const address = parseIpv4(post.peer);
    const refusal = this.#add(post);
    if (refusal !== undefined) notice({ kind: 'region.post-refused', address, reason: refusal });
    else {
      notice({
        kind: 'region.post-queued',
        address,
        path: queuedPostPath(post),
        bytes: Buffer.byteLength(post.body, 'base64'),
      });
      onAdded();
    }
    return refusal;
  }

  #add(post: QueuedPost): NotKept | undefined {
    try {
      const { dropped, refused } = this.#options.outbox.addPost(post);
      this.setStoreProblem(undefined);
      if (dropped > 0) this.#reportDropped(dropped);
      return refused ? 'outbox-full' : undefined;
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
      this.setStoreProblem(errorText(error));
      return 'outbox-failed';
    }
  }

  handle(command: OutboxCommand): OutboxAnswer {
    const { outbox, onAdded } = this.#options;
    let refusal: OutboxRefusal | undefined;
    try {
      if (command.action !== 'list') {
        const { action, deadLetter } = command;
        const isKnown = action === 'retry' ? outbox.retry(deadLetter) : outbox.drop(deadLetter);
        if (!isKnown) refusal = { kind: 'no-dead-letter', deadLetter };
        else if (action === 'retry') onAdded();
      }
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      refusal = { kind: 'failed', said: error.message };
    }
    return {
      refusal,
      waiting: outbox.length,
      dropped: outbox.dropped,
      deadLetters: outbox.listDeadLetters().map(toListedLetter),
    };
  }

  setStoreProblem(problem: string | undefined): void {
    const previousProblem = this.#problem;
    this.#problem = problem ?? '';
    const { notice, outbox } = this.#options;
    if (problem !== undefined && previousProblem === '') notice({ kind: 'outbox.unavailable', reason: problem });
    if (problem === undefined && previousProblem !== '') notice({ kind: 'outbox.available', waiting: outbox.length });
  }

  #reportDropped(droppedCount: number): void {
    this.#options.notice({ kind: 'outbox.full', dropped: droppedCount, waiting: this.#options.outbox.length });
  }
}

function toListedLetter({ item, ...letter }: DeadLetter): ListedLetter {
  if (item.kind === 'report') return { ...letter, item };
  const { at, peer, bootMac, body } = item.post;
  const bytes = Buffer.byteLength(body, 'base64');
  return { ...letter, item: { kind: 'post', post: { at, peer, path: queuedPostPath(item.post), bootMac, bytes } } };
}

/** The path without its query, which may contain a machine's password, as the body may. */
const queuedPostPath = ({ path }: QueuedPost): string => splitTarget(path).path;
