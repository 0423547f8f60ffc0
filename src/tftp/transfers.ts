// The running transfers: opens files, runs engines, keeps deadlines and reports ends. Sources: docs/architecture.md ("The path of a
// datagram"); boot/asset.ts.
//
//   begin → resolve (boot) → openContent → openSocket → negotiateTerms → Transfer.start ─┐
//   ACK, ERROR, ICMP, request again → handle → Transfer.handle ──────────────────────────┴→ #perform → WindowSender
//   timer → Transfer.handle ─────────────────────────────────────────────────────────────┘
//
// 1. A session has a place from `begin` to `release`, each once.
// 2. One timer serves all deadlines.
// 3. An event is published after its effect. Of a request it holds at most FILE_CHARACTERS_MAX of the file name; the client's text is
//    cleaned.
// 4. Events that a forged request can cause are sampled.
// 5. A request proves nothing, so an acknowledged transfer continues when another request comes from the same port. The newer one takes
//    over once the client acknowledges it.

import type { ResolveAsset } from '../boot/asset.ts';
import { cleanText } from '../clean-text.ts';
import type { Clock, Instant } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { Alarm, DeadlineQueue } from '../deadline-queue.ts';
import { errorText, unreachable } from '../errors.ts';
import type { Publish } from '../event.ts';
import type { FileTree } from '../files/opened-file.ts';
import type { Ipv4 } from '../net/address.ts';
import type { DatagramSocket } from '../net/datagrams/datagram.ts';
import { AddressRates } from '../net/shares/address-rates.ts';
import { EventSampler, type Rate } from '../rate-limit.ts';
import { type Content, openContent } from './content.ts';
import type { TftpCounter, TftpEvent, TftpEventKind } from './events.ts';
import { peerKey } from './listener.ts';
import { encodeError, encodeOptions, TFTP_ERROR } from './packet.ts';
import { TransferPlaces } from './places.ts';
import type { Session } from './session.ts';
import { negotiateTerms, type Terms } from './terms.ts';
import { Transfer, type TransferAction, type TransferInput, type TransferOutcome } from './transfer.ts';
import { WindowSender } from './window-sender.ts';

// Limits transfers that begin with a block, which forged source addresses could use for amplification.
//
// Granted options are shorter than the request, and must be acknowledged before the first block (RFC 2347); without options a block goes
// out at once (RFC 1350 §4). So each such transfer costs its address a permit until the client acknowledges it. Without a permit there is
// no answer; a client that exists retries.

/**
 * Unacknowledged transfers without options to one address: their first packet is a block, many times as long as the request. A host that
 * forges the address can use them up, and a real client there must then wait. They refill with time and with each acknowledgement.
 */
export const BLIND_BLOCKS: Rate = { perSecond: 50, burst: 500 };
/** Unacknowledged transfers without options to a /24. Forging all of its addresses yields no more than eight of them would. */
export const NETWORK_BLIND_BLOCKS: Rate = { perSecond: 400, burst: 4000 };
/** Addresses with a rate of their own. Forged sources fill it; others then share one, and each leaves when its rate is whole again. */
export const BLIND_ADDRESSES_MAX = 4096;
/** Networks with a rate of their own; otherwise like BLIND_ADDRESSES_MAX. */
export const BLIND_NETWORKS_MAX = 1024;

export class BlindBlocks {
  readonly #rates = new AddressRates(BLIND_BLOCKS, NETWORK_BLIND_BLOCKS, BLIND_ADDRESSES_MAX, BLIND_NETWORKS_MAX);

  /** True if a transfer on these terms may begin. */
  allows(client: Ipv4, terms: Terms, now: Instant): boolean {
    return terms.granted.length > 0 || this.#rates.allows(client, now);
  }

  acknowledged(client: Ipv4, terms: Terms, now: Instant): void {
    if (terms.granted.length === 0) this.#rates.giveBack(client, now);
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
  /** Opens a socket connected to the client. @throws RackError as `DatagramNetwork.open` */
  readonly openSocket: (session: Session) => Promise<DatagramSocket>;
  /** Time spent opening and starting after `begin` returned, in milliseconds; overlaps count once. */
  readonly onOpened: (ms: number) => void;
  readonly onReleased: (session: Session) => void;
}

export class Transfers {
  readonly #deps: TransfersDeps;
  readonly #deadlines = new DeadlineQueue<Session>();
  readonly #places = new TransferPlaces<Session>();
  readonly #blind = new BlindBlocks();
  readonly #sender: WindowSender;
  readonly #forgeable = new EventSampler(FORGEABLE_EVENTS);
  readonly #alarm: Alarm;
  /** Opening time up to here has been reported to `onOpened`. */
  #reportedUntil: Instant;

  constructor(deps: TransfersDeps) {
    this.#deps = deps;
    this.#reportedUntil = deps.clock.now();
    this.#alarm = new Alarm(deps.clock, () => this.#onTimer());
    this.#sender = new WindowSender({
      onLeft: (session, blocks) => {
        deps.counters.add('blocks', blocks.count);
        this.handle(session, { kind: 'left' });
      },
      onReadError: (session, error) => this.#fail(session, errorText(error)),
      atTurnEnd: (action) => void setImmediate(action),
    });
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
    const admission = this.#places.admit(session, this.#deps.clock.now());
    if (admission.kind === 'refused') return false;
    if (admission.evicted !== undefined) this.#giveWay(admission.evicted);
    if (former === undefined || former.over) this.#seat(session);
    else {
      if (former.successor !== undefined) this.release(former.successor);
      former.successor = session;
      session.predecessor = former;
    }
    this.#expect(session);
    void this.#open(session);
    return true;
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

  /** The next `drain` performs what follows. */
  handle(session: Session, input: TransferInput): void {
    const { transfer } = session;
    if (transfer === undefined) return;
    const now = this.#deps.clock.now();
    const action = transfer.handle(input, now);
    const isFlooded = action?.kind === 'end' && action.outcome.kind === 'flooded';
    if (input.kind === 'ack' && !isFlooded) {
      this.#places.heard(session, now);
      if (!transfer.unanswered) this.#succeed(session);
      if (session.seat?.answered === false && !transfer.unanswered && action?.kind !== 'end') {
        if (!this.#confirm(session, now)) return;
      }
    }
    this.#perform(session, action);
  }

  /** To be called after each batch of inputs. */
  drain(): void {
    this.#sender.drain();
  }

  /** Ends a session silently; does nothing if it is over. */
  release(session: Session): void {
    if (session.over) return;
    const { listener, peer, port } = session.origin;
    const { predecessor, successor } = session;
    this.#deps.counters.add('bytes', session.transfer?.ackedBytes ?? 0);
    this.#deps.counters.add('blocks-repeated', session.transfer?.repeatedBlocks ?? 0);
    session.end();
    this.#deadlines.set(session, undefined);
    this.#places.release(session);
    listener.forget(peerKey(peer, port), session, session.socket, this.#deps.clock.now());
    // Late packets of this session no longer affect them.
    session.predecessor = undefined;
    session.successor = undefined;
    if (predecessor !== undefined) predecessor.successor = undefined;
    if (successor !== undefined) this.#seat(successor);
    this.#deps.onReleased(session);
  }

  /** Sends the client an error and ends the session. */
  turnAway(session: Session, code: number, text: string): void {
    const { listener, peer, port } = session.origin;
    const socket = session.socket ?? listener.errors;
    if (!session.over) socket.send([{ bytes: encodeError(code, text), to: { kind: 'unicast', address: peer, port } }]);
    this.release(session);
  }

  /** Cancels the timer. */
  close(): void {
    this.#alarm.cancel();
  }

  /** Moves the session of a client that exists to the answered places; false if there is none: the client gets an error. */
  #confirm(session: Session, now: Instant): boolean {
    if (session.transfer !== undefined) this.#blind.acknowledged(session.origin.peer, session.transfer.terms, now);
    const admission = this.#places.confirm(session, now);
    if (admission.kind === 'admitted') {
      if (admission.evicted !== undefined) this.#giveWay(admission.evicted);
      return true;
    }
    this.#deps.counters.add('refused-busy');
    this.turnAway(session, TFTP_ERROR.notDefined, BUSY_TEXT);
    const sample = this.#deps.refusals.take('tftp.refused', now);
    if (sample !== undefined) this.#deps.publish(session.event('tftp.refused', now, { reason: 'busy', ...sample }));
    return false;
  }

  /** Ends a session that lost its place. Only a client that has answered gets an error: any other address may be forged. */
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
      session.machineMac = asset.mac;
      const opened = await openContent(asset, this.#deps.files, request.mode);
      if (opened.kind !== 'content') this.#decline(session, opened.kind, opened.reason);
      else if (session.over) opened.content.close();
      else {
        if (opened.rendered && asset.kind === 'rendered') session.purpose = asset.purpose;
        session.content = opened.content;
        const since = this.#deps.clock.now();
        const socket = await this.#deps.openSocket(session);
        if (session.over) socket.close();
        else this.#start(session, opened.content, socket);
        this.#reportOpened(since);
      }
    } catch (error) {
      if (!session.over) this.#fail(session, errorText(error));
    }
    this.#sender.drain();
  }

  /** Sockets open one at a time, so waits overlap; each span is reported once. */
  #reportOpened(since: Instant): void {
    const now = this.#deps.clock.now();
    this.#deps.onOpened(Math.max(0, now - Math.max(since, this.#reportedUntil)));
    this.#reportedUntil = now;
  }

  #start(session: Session, content: Content, socket: DatagramSocket): void {
    session.socket = socket;
    const now = this.#deps.clock.now();
    const terms = negotiateTerms(session.origin.request.options, content.sizeBytes);
    if (!this.#blind.allows(session.origin.peer, terms, now)) {
      this.#deps.counters.add('refused-blind');
      this.release(session);
      this.#publishSampled(session, 'tftp.refused', { reason: 'blind' });
      return;
    }
    const transfer = new Transfer(terms, content.sizeBytes);
    session.transfer = transfer;
    this.#perform(session, transfer.start(now));
  }

  #decline(session: Session, kind: 'missing' | 'refused', reason: string): void {
    if (session.over) return;
    const now = this.#deps.clock.now();
    const missing = kind === 'missing';
    this.#deps.counters.add(missing ? 'missing' : 'refused-path');
    if (missing) this.turnAway(session, TFTP_ERROR.fileNotFound, 'File not found');
    else this.turnAway(session, TFTP_ERROR.accessViolation, 'Access violation');
    const event = missing ? 'tftp.missing' : 'tftp.refused';
    const sample = (missing ? this.#forgeable : this.#deps.refusals).take(event, now);
    if (sample !== undefined) this.#deps.publish(session.event(event, now, { reason, ...sample }));
  }

  #perform(session: Session, action: TransferAction | undefined): void {
    switch (action?.kind) {
      case undefined:
        break;
      case 'send-options':
        this.#sendOptions(session);
        break;
      case 'send-blocks':
        session.toSend = action;
        this.#sender.enqueue(session);
        break;
      case 'end':
        this.#finish(session, action.outcome);
        return;
      default:
        unreachable(action);
    }
    this.#expect(session);
  }

  #sendOptions({ transfer, socket, origin }: Session): void {
    if (transfer === undefined || socket === undefined) return;
    const to = { kind: 'unicast', address: origin.peer, port: origin.port } as const;
    socket.send([{ bytes: encodeOptions(transfer.terms.granted), to }]);
    transfer.handle({ kind: 'left' }, this.#deps.clock.now());
  }

  #finish(session: Session, outcome: TransferOutcome): void {
    const now = this.#deps.clock.now();
    if (outcome.kind === 'stalled') {
      this.#fail(session, 'reading took too long');
      return;
    }
    this.#deps.counters.add(outcome.kind);
    if (outcome.kind === 'flooded') {
      this.#onFlooded(session, now);
      return;
    }
    this.release(session);
    const more = outcome.kind === 'aborted' ? { code: outcome.code, reason: cleanText(outcome.message) } : {};
    // A host that loads another file rejects a forged transfer.
    const isForgeable =
      outcome.kind === 'timed-out' || outcome.kind === 'unreachable' || session.transfer?.ackedBytes === 0;
    if (isForgeable) this.#publishSampled(session, `tftp.${outcome.kind}`, more);
    else this.#deps.publish(session.event(`tftp.${outcome.kind}`, now, more));
  }

  /** One error answers more than SPARE_PACKETS_MAX packets that knew its port. */
  #onFlooded(session: Session, now: Instant): void {
    this.turnAway(session, TFTP_ERROR.notDefined, 'Too many packets');
    const sample = this.#deps.refusals.take('tftp.flooded', now);
    if (sample !== undefined) this.#deps.publish(session.event('tftp.flooded', now, sample));
  }

  #publishSampled(session: Session, kind: TftpEventKind, more: Partial<TftpEvent> = {}): void {
    const now = this.#deps.clock.now();
    const sample = this.#forgeable.take(kind, now);
    if (sample !== undefined) this.#deps.publish(session.event(kind, now, { ...more, ...sample }));
  }

  /** Ends a session with an error, because the client would otherwise wait. */
  #fail(session: Session, reason: string): void {
    this.#deps.counters.add('failed');
    this.turnAway(session, TFTP_ERROR.notDefined, 'File cannot be read');
    this.#deps.publish(session.event('tftp.failed', this.#deps.clock.now(), { reason }));
  }

  #expect(session: Session): void {
    this.#deadlines.set(session, session.deadline);
    this.#alarm.expect(this.#deadlines.nextAt);
  }

  #onTimer(): void {
    const now = this.#deps.clock.now();
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      if (due.transfer === undefined) this.#fail(due, 'opening took too long');
      else if (!this.#places.mayRepeat(due)) this.#finish(due, { kind: 'timed-out' });
      else {
        this.handle(due, { kind: 'deadline' });
        this.#places.noteOverdue(due);
      }
    }
    this.#sender.drain();
    this.#alarm.expect(this.#deadlines.nextAt);
  }
}
