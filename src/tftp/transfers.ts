// The sessions: opens their files, gives them places, has their transfers run, and reports their
// ends. Sources: CONTRIBUTING.md ("The path of a datagram"); boot/asset.ts.
//
//   begin → resolve (boot) → openContent → negotiateOptions → command: start ⇢ transfer-engine.ts ⇢
//   take: answered, overdue, wanted, ended
//
// 1. A session has a place from `begin` to `release`, each once.
// 2. A running transfer has a slot until the engine has reported its end, and its file stays open until then.
// 3. An event is published after its effect. Of a request it holds at most FILE_CHARACTERS_MAX of
//    the file name; the client's text is cleaned.
// 4. Events that a forged request can cause are sampled.
// 5. A request proves nothing, so an acknowledged transfer continues when another request comes
//    from the same port. The newer one takes over once the client acknowledges it.

import { type ResolveAsset, toldBy } from '../boot/asset.ts';
import type { FileTree } from '../files/opened-file.ts';
import type { Ipv4 } from '../ground/address.ts';
import { cleanText } from '../ground/clean-text.ts';
import { type Clock, type Instant, later } from '../ground/clock.ts';
import type { Counters } from '../ground/counters.ts';
import { Alarm, DeadlineQueue } from '../ground/deadline-queue.ts';
import { errorText, unreachable } from '../ground/errors.ts';
import type { Publish } from '../ground/event.ts';
import { EventSampler, type Rate } from '../ground/rate-limit.ts';
import { AddressRates } from '../net/shares/address-rates.ts';
import { type Content, type OpenedContent, openContent } from './content.ts';
import type { TftpCounter, TftpEvent, TftpEventKind } from './events.ts';
import { peerKey } from './listener.ts';
import { type NegotiatedOptions, negotiateOptions } from './negotiated-options.ts';
import { encodeError, TFTP_ERROR } from './packet.ts';
import { TransferPlaces } from './places.ts';
import type { Session } from './session.ts';
import { type SharedTransferState, SLOTS_MAX } from './shared-transfer-state.ts';
import {
  CANNOT_READ,
  type EngineOutcome,
  type TransferCommand,
  type TransferError,
  type TransferReport,
} from './transfer-engine.ts';

/** How long resolving and opening the requested file may take, in milliseconds. */
const OPEN_MS_MAX = 30_000;

// Limits transfers that begin with a block, which forged source addresses could use for amplification.
//
// Granted options are shorter than the request, and must be acknowledged before the first block
// (RFC 2347); without options a block goes out at once (RFC 1350 §4). So each such transfer costs
// its address a permit until the client acknowledges it. Without a permit there is no answer; a
// client that exists retries.

/**
 * Unacknowledged transfers without options to one address: their first packet is a block, many
 * times as long as the request. A host that forges the address can use them up, and a real client
 * there must then wait. They refill with time and with each acknowledgement.
 */
export const BLIND_BLOCKS: Rate = { perSecond: 50, burst: 500 };
/**
 * Unacknowledged transfers without options to a /24. Forging all of its addresses yields no more
 * than eight of them would.
 */
export const NETWORK_BLIND_BLOCKS: Rate = { perSecond: 400, burst: 4000 };
/**
 * Addresses with a rate of their own. Forged sources fill it; others then share one, and each
 * leaves when its rate is whole again.
 */
export const BLIND_ADDRESSES_MAX = 4096;
/** Networks with a rate of their own; otherwise like BLIND_ADDRESSES_MAX. */
export const BLIND_NETWORKS_MAX = 1024;

export class BlindBlocks {
  readonly #rates = new AddressRates(BLIND_BLOCKS, NETWORK_BLIND_BLOCKS, BLIND_ADDRESSES_MAX, BLIND_NETWORKS_MAX);

  /** True if a transfer with these options may begin. */
  allows(client: Ipv4, negotiated: NegotiatedOptions, now: Instant): boolean {
    return negotiated.granted.length > 0 || this.#rates.allows(client, now);
  }

  acknowledged(client: Ipv4, negotiated: NegotiatedOptions, now: Instant): void {
    if (negotiated.granted.length === 0) this.#rates.giveBack(client, now);
  }
}

export const BUSY_TEXT = 'Too many transfers, try again';
const FORGEABLE_EVENTS = { perSecond: 200, burst: 2000 };

interface TransfersDeps {
  readonly clock: Clock;
  readonly resolve: ResolveAsset;
  readonly files: FileTree;
  readonly publish: Publish;
  readonly counters: Counters<TftpCounter>;
  /** Shared with the server. */
  readonly refusals: EventSampler;
  readonly state: SharedTransferState;
  readonly command: (order: TransferCommand) => void;
  /** False if the kernel already waits for too many absent hosts: nothing is sent to this one now. */
  readonly mayReach: (client: Ipv4) => boolean;
  /** Time spent starting after `begin` returned, in milliseconds. */
  readonly onStarted: (ms: number) => void;
  readonly onReleased: (session: Session) => void;
}

export class Transfers {
  readonly #deps: TransfersDeps;
  /** Until their files are open. */
  readonly #deadlines = new DeadlineQueue<Session>();
  readonly #alarm: Alarm;
  readonly #places = new TransferPlaces<Session>();
  readonly #blind = new BlindBlocks();
  readonly #forgeable = new EventSampler(FORGEABLE_EVENTS);
  /** The sessions whose transfers run, by slot. */
  readonly #running: (Session | undefined)[] = [];
  readonly #freeSlots: number[] = [];

  constructor(deps: TransfersDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm(deps.clock, () => this.#onTimer());
  }

  /** Running sessions. */
  get active(): number {
    return this.#places.size;
  }

  /**
   * False if there is no place.
   * @param former the session that the client port already has
   */
  begin(session: Session, former: Session | undefined): boolean {
    if (former?.unanswered === true) this.#restart(former);
    const admission = this.#places.admit(session);
    if (admission.kind === 'refused') return false;
    if (admission.evicted !== undefined) this.#giveWay(admission.evicted);
    if (former === undefined || former.over) this.#seat(session);
    else {
      if (former.successor !== undefined) this.release(former.successor);
      former.successor = session;
      session.predecessor = former;
    }
    this.#deadlines.set(session, later(session.startedAt, OPEN_MS_MAX));
    this.#alarm.expect(this.#deadlines.nextAt);
    void this.#open(session);
    return true;
  }

  /** The client repeats its request: it has not seen an answer. */
  askAgain({ slot, origin }: Session): void {
    if (slot !== undefined && this.#deps.mayReach(origin.peer)) this.#deps.command({ kind: 'request-again', slot });
  }

  take(report: TransferReport): void {
    const session = this.#running[report.slot];
    if (session === undefined) return;
    switch (report.kind) {
      case 'answered':
        if (!session.over) this.#onAnswered(session);
        break;
      case 'overdue':
        if (!session.over) this.#onOverdue(session, report.slot);
        break;
      case 'wanted':
        if (!session.over) this.#read(session, report);
        break;
      case 'ended':
        this.#onEnded(session, report);
        break;
      default:
        unreachable(report);
    }
  }

  /** Ends all running transfers, because the engine has ended. */
  fail(reason: string): void {
    for (const slot of this.#running.keys())
      this.take({ kind: 'ended', slot, outcome: { kind: 'failed', reason }, localPort: 0 });
  }

  /** Ends a session silently; does nothing if it is over. */
  release(session: Session): void {
    this.#end(session, undefined);
  }

  /** Sends the client an error and ends the session. */
  turnAway(session: Session, code: number, text: string): void {
    if (session.over) return;
    const { listener, peer, port } = session.origin;
    if (session.slot === undefined)
      listener.errors.send([{ bytes: encodeError(code, text), to: { kind: 'unicast', address: peer, port } }]);
    this.#end(session, { code, text });
  }

  /** Cancels the timer. */
  close(): void {
    this.#alarm.cancel();
  }

  #seat(session: Session): void {
    const { listener, peer, port } = session.origin;
    session.predecessor = undefined;
    listener.sessions.set(peerKey(peer, port), session);
  }

  /** Ends the earlier transfer. */
  #succeed(session: Session): void {
    const { predecessor } = session;
    if (predecessor === undefined) return;
    predecessor.successor = undefined;
    this.#restart(predecessor);
    this.#seat(session);
  }

  #restart(session: Session): void {
    this.#deps.counters.add('restarted');
    this.release(session);
    this.#publishSampled(session, 'tftp.restarted');
  }

  #end(session: Session, error: TransferError | undefined): void {
    if (session.over) return;
    const { listener, peer, port } = session.origin;
    const { predecessor, successor, slot } = session;
    session.end();
    this.#deadlines.set(session, undefined);
    this.#places.release(session);
    listener.forget(peerKey(peer, port), session);
    // Late packets of this session no longer affect them.
    session.predecessor = undefined;
    session.successor = undefined;
    if (predecessor !== undefined) predecessor.successor = undefined;
    if (successor !== undefined) this.#seat(successor);
    if (slot !== undefined) this.#deps.command({ kind: 'end', slot, error });
    this.#deps.onReleased(session);
  }

  /**
   * Moves the session of a client that exists to the answered places; if there is none, the client
   * gets an error.
   */
  #onAnswered(session: Session): void {
    this.#succeed(session);
    const now = this.#deps.clock.now();
    if (session.negotiated !== undefined) this.#blind.acknowledged(session.origin.peer, session.negotiated, now);
    const admission = this.#places.confirm(session, now);
    if (admission.kind === 'admitted') {
      if (admission.evicted !== undefined) this.#giveWay(admission.evicted);
      return;
    }
    this.#deps.counters.add('refused-busy');
    this.turnAway(session, TFTP_ERROR.notDefined, BUSY_TEXT);
    const sample = this.#deps.refusals.take('tftp.refused', now);
    if (sample !== undefined) this.#deps.publish(session.event('tftp.refused', now, { reason: 'busy', ...sample }));
  }

  #onOverdue(session: Session, slot: number): void {
    if (this.#places.mayRepeat(session) && this.#deps.mayReach(session.origin.peer))
      this.#deps.command({ kind: 'repeat', slot });
    else this.#finish(session, { kind: 'timed-out' });
  }

  #read(session: Session, { slot, offset, length }: TransferReport & { kind: 'wanted' }): void {
    // Another transfer may have the slot when the disk answers.
    const answer = (order: TransferCommand): void => {
      if (session.slot === slot) this.#deps.command(order);
    };
    // A copy: handing over a view would hand over the whole slice.
    const give = (bytes: Uint8Array): void => answer({ kind: 'part', slot, bytes: new Uint8Array(bytes) });
    const refuse = (error: unknown): void => answer({ kind: 'unreadable', slot, reason: errorText(error) });
    const part = session.content?.read(offset, length);
    if (part instanceof Promise) part.then(give, refuse);
    else if (part !== undefined) give(part);
  }

  #onEnded(session: Session, { slot, outcome, localPort }: TransferReport & { kind: 'ended' }): void {
    const { counters, state, clock } = this.#deps;
    const { listener, peer, port } = session.origin;
    const { ackedBytes, repeatedBlocks } = state.read(slot);
    counters.add('bytes', ackedBytes);
    counters.add('blocks-repeated', repeatedBlocks);
    if (localPort !== 0) listener.noteEnded(peerKey(peer, port), localPort, clock.now());
    session.leaveSlot(outcome.kind === 'failed');
    this.#running[slot] = undefined;
    this.#freeSlots.push(slot);
    if (session.over) return;
    // The acknowledgement of the only block.
    if (outcome.kind === 'sent') this.#succeed(session);
    this.#finish(session, outcome, localPort !== 0);
  }

  /**
   * Ends a session that lost its place. Only a client that has answered gets an error: any other
   * address may be forged.
   */
  #giveWay(session: Session): void {
    const now = this.#deps.clock.now();
    this.#deps.counters.add('gave-way');
    if (session.unanswered) this.release(session);
    else this.turnAway(session, TFTP_ERROR.notDefined, BUSY_TEXT);
    const sample = this.#deps.refusals.take('tftp.gave-way', now);
    if (sample !== undefined) this.#deps.publish(session.event('tftp.gave-way', now, sample));
  }

  async #open(session: Session): Promise<void> {
    const { listener, peer, request } = session.origin;
    try {
      const asset = this.#deps.resolve({ path: request.file, peer, local: listener.address });
      session.holder = asset.mac;
      const opened = await openContent(asset, this.#deps.files, request.mode);
      if (opened.kind !== 'content') this.#decline(session, opened);
      else if (session.over) opened.content.close();
      else {
        if (opened.rendered && asset.kind === 'rendered' && !asset.isForAnother) session.told = toldBy(asset);
        session.content = opened.content;
        const since = this.#deps.clock.now();
        this.#start(session, opened.content, since);
        this.#deps.onStarted(Math.max(0, this.#deps.clock.now() - since));
      }
    } catch (error) {
      if (!session.over) this.#fail(session, errorText(error));
    }
  }

  #start(session: Session, content: Content, now: Instant): void {
    const { listener, peer, port, request } = session.origin;
    const negotiated = negotiateOptions(request.options, content.sizeBytes);
    if (!this.#blind.allows(peer, negotiated, now)) {
      this.#deps.counters.add('refused-blind');
      this.release(session);
      this.#publishSampled(session, 'tftp.refused', { reason: 'blind' });
      return;
    }
    const slot = this.#freeSlots.pop() ?? this.#running.length;
    if (slot >= SLOTS_MAX || !this.#deps.mayReach(peer)) {
      if (slot < SLOTS_MAX) this.#freeSlots.push(slot);
      this.#deps.counters.add('send-errors');
      this.release(session);
      return;
    }
    this.#deadlines.set(session, undefined);
    this.#deps.state.reset(slot, session.startedAt);
    session.negotiated = negotiated;
    session.slot = slot;
    this.#running[slot] = session;
    const avoidedPort = listener.usedPort(peerKey(peer, port), now);
    const socket = { local: listener.address, peer, port, avoidedPort };
    this.#deps.command({ kind: 'start', slot, request: socket, negotiated, content: content.source });
  }

  #decline(session: Session, { kind, ...why }: Exclude<OpenedContent, { readonly kind: 'content' }>): void {
    if (session.over) return;
    const now = this.#deps.clock.now();
    const missing = kind === 'missing';
    this.#deps.counters.add(missing ? 'missing' : 'refused-path');
    if (missing) this.turnAway(session, TFTP_ERROR.fileNotFound, 'File not found');
    else this.turnAway(session, TFTP_ERROR.accessViolation, 'Access violation');
    const event = missing ? 'tftp.missing' : 'tftp.refused';
    const sample = (missing ? this.#forgeable : this.#deps.refusals).take(event, now);
    if (sample !== undefined) this.#deps.publish(session.event(event, now, { ...why, ...sample }));
  }

  /** @param isTold the client got an error, if it was due one */
  #finish(session: Session, outcome: EngineOutcome, isTold = true): void {
    const now = this.#deps.clock.now();
    if (outcome.kind === 'failed') {
      this.#fail(session, outcome.reason, isTold);
      return;
    }
    this.release(session);
    if (outcome.kind === 'stopped') return;
    this.#deps.counters.add(outcome.kind);
    if (outcome.kind === 'flooded') {
      const sample = this.#deps.refusals.take('tftp.flooded', now);
      if (sample !== undefined) this.#deps.publish(session.event('tftp.flooded', now, sample));
      return;
    }
    const more = outcome.kind === 'aborted' ? { code: outcome.code, reason: cleanText(outcome.message) } : {};
    // A host that loads another file rejects a forged transfer.
    const isForgeable =
      outcome.kind === 'timed-out' || outcome.kind === 'unreachable' || session.progress.ackedBytes === 0;
    if (isForgeable) this.#publishSampled(session, `tftp.${outcome.kind}`, more);
    else this.#deps.publish(session.event(`tftp.${outcome.kind}`, now, more));
  }

  #publishSampled(session: Session, kind: TftpEventKind, more: Partial<TftpEvent> = {}): void {
    const now = this.#deps.clock.now();
    const sample = this.#forgeable.take(kind, now);
    if (sample !== undefined) this.#deps.publish(session.event(kind, now, { ...more, ...sample }));
  }

  /** Ends a session with an error, because the client would otherwise wait. */
  #fail(session: Session, reason: string, isTold = false): void {
    this.#deps.counters.add('failed');
    if (isTold) this.release(session);
    else this.turnAway(session, CANNOT_READ.code, CANNOT_READ.text);
    this.#deps.publish(session.event('tftp.failed', this.#deps.clock.now(), { reason }));
  }

  #onTimer(): void {
    const now = this.#deps.clock.now();
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now))
      this.#fail(due, 'opening took too long');
    this.#alarm.expect(this.#deadlines.nextAt);
  }
}
