// The transfers under way: opens what was asked, runs the engines, keeps their deadlines and tells how each one ended.
// Sources: DESIGN.md 4; boot/asset.ts.
//
//   begin → resolve (boot) → openContent → negotiateTerms → Transfer.start ─┐
//   ACK, ERROR, request again → handle → Transfer.handle ───────────────────┴→ #perform → WindowSender
//   timer → Transfer.handle ────────────────────────────────────────────────┘
//
// 1. A session counts from `begin` to `release`, whatever happens between; both happen once.
// 2. One timer serves all deadlines.
// 3. An event is published after its effect, and holds no more of a request than FILE_CHARACTERS_MAX of its name.

import type { ResolveAsset } from '../boot/asset.ts';
import type { Clock, Instant } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { Alarm, DeadlineQueue } from '../deadline-queue.ts';
import { errorText, unreachable } from '../errors.ts';
import type { Publish } from '../event.ts';
import type { FileTree } from '../files/opened-file.ts';
import { EventSampler } from '../rate-limit.ts';
import { type Content, type OpenedContent, openContent } from './content.ts';
import type { TftpCounter } from './events.ts';
import { peerKey } from './listener.ts';
import { encodeError, encodeOptions, TFTP_ERROR } from './packet.ts';
import type { Session } from './session.ts';
import { negotiateTerms } from './terms.ts';
import { Transfer, type TransferAction, type TransferInput, type TransferOutcome } from './transfer.ts';
import { WindowSender } from './window-sender.ts';

/** The most transfers at a time, those being opened included. */
export const TRANSFERS_MAX = 2048;
/** How long a transfer that never answered is left alone when there is no room for another. */
export const UNANSWERED_MS = 3000;

export interface TransfersDeps {
  readonly clock: Clock;
  readonly resolve: ResolveAsset;
  readonly files: FileTree;
  readonly publish: Publish;
  readonly counters: Counters<TftpCounter>;
  /** Samples the events of refusals; shared with the server. */
  readonly refusals: EventSampler;
  /** Called when a session has ended. */
  readonly onReleased: (session: Session) => void;
}

/** Every session of a server. */
export class Transfers {
  readonly #deps: TransfersDeps;
  readonly #deadlines = new DeadlineQueue<Session>();
  /** Sessions that nobody has answered yet, the oldest first. */
  readonly #unanswered = new Set<Session>();
  readonly #sender: WindowSender;
  readonly #missing = new EventSampler({ perSecond: 200, burst: 2000 });
  #active = 0;
  readonly #alarm: Alarm;

  constructor(deps: TransfersDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm(deps.clock, () => this.#onTimer());
    this.#sender = new WindowSender({
      onLeft: (session, blocks) => {
        deps.counters.add('blocks', blocks.count);
        this.handle(session, { kind: 'left' });
      },
      onReadError: (session, error) => this.#fail(session, errorText(error)),
      inNextTurn: (action) => void setImmediate(action),
    });
  }

  /** Sessions that are not over. */
  get active(): number {
    return this.#active;
  }

  /** True when one more may begin; at the bound the oldest that never answered gives way, once it has had its time. */
  hasRoom(now: Instant): boolean {
    if (this.#active < TRANSFERS_MAX) return true;
    const [oldest] = this.#unanswered;
    if (oldest === undefined || now - oldest.startedAt < UNANSWERED_MS) return false;
    this.#deps.counters.add('gave-way');
    this.release(oldest);
    return true;
  }

  /** Takes over a session that was just made. */
  begin(session: Session): void {
    this.#active += 1;
    this.#unanswered.add(session);
    session.origin.listener.sessions.set(peerKey(session.origin.peer, session.origin.port), session);
    this.#expect(session);
    void this.#open(session);
  }

  /** What follows from an input is done by the next `drain`. */
  handle(session: Session, input: TransferInput): void {
    const { transfer } = session;
    if (transfer === undefined) return;
    const action = transfer.handle(input, this.#deps.clock.now());
    if (!transfer.unanswered) this.#unanswered.delete(session);
    this.#perform(session, action);
  }

  /** Sends what is to be sent. To be called after each batch of inputs. */
  drain(): void {
    this.#sender.drain();
  }

  /** Ends a session without a word, unless it is over. */
  release(session: Session): void {
    if (session.over) return;
    const { listener, peer, port } = session.origin;
    this.#deps.counters.add('bytes', session.transfer?.ackedBytes ?? 0);
    this.#deps.counters.add('blocks-repeated', session.transfer?.repeatedBlocks ?? 0);
    session.end();
    this.#deadlines.set(session, undefined);
    this.#unanswered.delete(session);
    listener.forget(peerKey(peer, port), session, this.#deps.clock.now());
    this.#active -= 1;
    this.#deps.onReleased(session);
  }

  /** Tells the client an error and ends the session. */
  turnAway(session: Session, code: number, text: string): void {
    const { socket, peer, port } = session.origin;
    socket.send([{ bytes: encodeError(code, text), to: { kind: 'unicast', address: peer, port } }]);
    this.release(session);
  }

  /** No timer stays behind. */
  close(): void {
    this.#alarm.cancel();
  }

  async #open(session: Session): Promise<void> {
    const { listener, peer, request } = session.origin;
    let opened: OpenedContent;
    try {
      const asset = this.#deps.resolve({ path: request.file, via: 'tftp', peer, local: listener.address });
      session.machineMac = asset.mac;
      opened = await openContent(asset, this.#deps.files, request.mode);
      if (opened.kind === 'content' && opened.rendered && asset.kind === 'rendered') session.purpose = asset.purpose;
    } catch (error) {
      if (!session.over) this.#fail(session, errorText(error));
      return;
    }
    if (session.over) {
      if (opened.kind === 'content') opened.content.close();
      return;
    }
    if (opened.kind === 'content') this.#start(session, opened.content);
    else this.#decline(session, opened.kind, opened.reason);
    this.#sender.drain();
  }

  #start(session: Session, content: Content): void {
    session.content = content;
    const transfer = new Transfer(negotiateTerms(session.origin.request.options, content.sizeBytes), content.sizeBytes);
    session.transfer = transfer;
    this.#perform(session, transfer.start(this.#deps.clock.now()));
  }

  #decline(session: Session, kind: 'missing' | 'refused', reason: string): void {
    const now = this.#deps.clock.now();
    const missing = kind === 'missing';
    this.#deps.counters.add(missing ? 'missing' : 'refused-path');
    if (missing) this.turnAway(session, TFTP_ERROR.fileNotFound, 'File not found');
    else this.turnAway(session, TFTP_ERROR.accessViolation, 'Access violation');
    const event = missing ? 'tftp.missing' : 'tftp.refused';
    const sample = (missing ? this.#missing : this.#deps.refusals).take(event, now);
    if (sample !== undefined) this.#deps.publish(session.event(event, now, { reason, ...sample }));
  }

  #perform(session: Session, action: TransferAction | undefined): void {
    switch (action?.kind) {
      case undefined:
        break;
      case 'send-options':
        this.#sender.sendPacket(session, encodeOptions(session.transfer?.terms.granted ?? []));
        session.transfer?.handle({ kind: 'left' }, this.#deps.clock.now());
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

  #finish(session: Session, outcome: TransferOutcome): void {
    const now = this.#deps.clock.now();
    if (outcome.kind === 'stalled') {
      this.#fail(session, 'reading took too long');
      return;
    }
    this.#deps.counters.add(outcome.kind);
    this.release(session);
    const more = outcome.kind === 'aborted' ? { code: outcome.code, reason: outcome.message } : {};
    this.#deps.publish(session.event(`tftp.${outcome.kind}`, now, more));
  }

  /** Ends a session whose content cannot be read, and says so to the client, who would otherwise wait. */
  #fail(session: Session, reason: string): void {
    this.#deps.counters.add('failed');
    this.turnAway(session, TFTP_ERROR.notDefined, 'File cannot be read');
    this.#deps.publish(session.event('tftp.failed', this.#deps.clock.now(), { reason }));
  }

  /** Files the session's deadline. */
  #expect(session: Session): void {
    this.#deadlines.set(session, session.deadline);
    this.#alarm.expect(this.#deadlines.nextAt);
  }

  #onTimer(): void {
    const now = this.#deps.clock.now();
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      if (due.transfer === undefined) this.#fail(due, 'opening took too long');
      else this.handle(due, { kind: 'deadline' });
    }
    this.#sender.drain();
    this.#alarm.expect(this.#deadlines.nextAt);
  }
}
