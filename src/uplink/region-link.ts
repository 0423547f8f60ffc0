// A rack's link to its remote region: registers the rack, stores its events and its machines' posts
// until the region has them, sends them, fetches the desired state, and reports the rack's progress
// in heartbeats. It exchanges the same messages with the rack's loop as an embedded region does.
// Sans-IO: transport, outbox, clock and the file of the cached state are ports.
//
//   registering ──200──▶ linked ──401, 403, 404, 409──▶ registering
//     │  202: pending, 401, 403: rejected, 409: incompatible, no answer: away; each tries again
//   linked: EventSender ∥ StateFollower ∥ heartbeat, each with its own pauses after failures
//     │  a heartbeat's answer in another version: suspended; only heartbeats continue, until one is answered in our version
//
// 1. Events and posts are acknowledged when they are on disk here, not when the region has them.
// 2. The rack's loop never waits for the link.

import type { Clock, Timer } from '../ground/clock.ts';
import { errorText, unreachable } from '../ground/errors.ts';
import type { CopyProgress } from '../images/carry/region-copy.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { Heartbeat } from '../region/records/heartbeat.ts';
import { RACK_ANSWERS_MAX } from '../region/records/heartbeat-bounds.ts';
import type { RackImage } from '../region/records/rack.ts';
import type { RackDescription, RackInterface } from '../region/records/rack-description.ts';
import type { RackMeasures } from '../region/records/rack-measures.ts';
import type { RackAnswer } from '../region/records/rack-request.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { NoticeBody } from '../region/reports/uplink-events.ts';
import { EventSender } from './event-sender.ts';
import {
  composeRedirectionNote,
  findRegistrationRefusal,
  isRedirection,
  parseAnswerText,
  parseHeartbeatAnswer,
} from './link-answers.ts';
import type { AddressStatus, LinkState, LinkStatus } from './link-status.ts';
import { type LinkAnswer, LinkFailure, type LinkRequest, type LinkTransport } from './link-transport.ts';
import { type RackMessage, type RegionMessage, UPLINK_VERSION } from './messages.ts';
import { OutboxKeeper } from './outbox-keeper.ts';
import type { OutboxStore } from './outbox-store.ts';
import { digestSecret, type RegionKey } from './region-key.ts';
import { Repeater, type RunOutcome } from './repeater.ts';
import { ReportedImages } from './reported-images.ts';
import { StateFollower } from './state-follower.ts';
import { StatusKeeper, sumCounts } from './status-keeper.ts';

// Decides which copies of images a rack reports to its region with a heartbeat: those that have
// advanced since the region heard of them.
//
// 1. After a new link all are reported again: the region may have lost them.

/** Copies of one report; the others follow with the next. */
const COPIES_MAX = 16;

class ReportedCopies {
  readonly #list: () => readonly CopyProgress[];
  /** The last reported state of each, as JSON. */
  readonly #reportedStates = new Map<string, string>();

  constructor(list: () => readonly CopyProgress[]) {
    this.#list = list;
  }

  /** The copies to report with the next heartbeat; `undefined` if there is nothing to report. */
  nextReport(): readonly CopyProgress[] | undefined {
    const copies = this.#list();
    const files = new Set(copies.map(({ file }) => file));
    for (const file of this.#reportedStates.keys()) if (!files.has(file)) this.#reportedStates.delete(file);
    const changed = copies
      .filter((copy) => this.#reportedStates.get(copy.file) !== JSON.stringify(copy))
      .slice(0, COPIES_MAX);
    return changed.length === 0 ? undefined : changed;
  }

  /** Call when the region has received a report. */
  acknowledge(copies: readonly CopyProgress[]): void {
    for (const copy of copies) this.#reportedStates.set(copy.file, JSON.stringify(copy));
  }

  /** Call when the region may have lost the reports. */
  forget(): void {
    this.#reportedStates.clear();
  }
}

// Describes a rack's networks for its registration, in as much detail as an administrator needs to
// judge it. Its heartbeats send the rest once it is accepted.

/** The most UTF-16 units that a region reads from a rack that is not accepted. */
const REGISTRATION_LENGTH_MAX = 16_384;

/**
 * The interfaces as JSON, without reservations; if that is too long, only their names, networks and
 * management.
 */
export function composeRegistrationText(interfaces: readonly RackInterface[]): string {
  const text = JSON.stringify(interfaces.map((interfaceReport) => ({ ...interfaceReport, reservations: undefined })));
  if (text.length <= REGISTRATION_LENGTH_MAX) return text;
  return JSON.stringify(interfaces.map(({ name, network, management }) => ({ name, network, management })));
}

/** A rack's description as form fields. */
const composeRegistrationFields = ({ uuid, name, version, interfaces }: RackDescription) => ({
  uuid,
  name,
  version,
  interfaces: composeRegistrationText(interfaces),
});

const HEARTBEAT_MS = 30_000;
/**
 * Heartbeats in a row answered with 503, after which the region counts as away: its database is
 * unreachable, not just busy.
 */
const AWAY_AFTER_REFUSALS = 3;
const STATUS_UNAVAILABLE = 503;
/** How often a pending rack registers again, and how often a refused one does, in milliseconds. */
const PENDING_MS = 5000;
const REFUSED_MS = 60_000;
/** Statuses by which the region says that it does not know this rack, or no longer accepts it. */
const UNLINKING_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 409]);
const REGISTER_PATH = '/api/2.0/nodegroups/?op=register';

interface RegionLinkOptions {
  readonly clock: Clock;
  readonly transport: LinkTransport;
  readonly outbox: OutboxStore;
  readonly key: RegionKey;
  /** The path of the key file, for messages. */
  readonly keyFile: string;
  /** The images of a boot tree. @throws if they cannot be read */
  readonly listImages: (tree: string) => readonly RackImage[];
  /** The progress of copies of the region's images. Default: none. */
  readonly listCopies?: (() => readonly CopyProgress[]) | undefined;
  /** The addresses of the region. Default: none. */
  readonly listAddresses?: (() => readonly AddressStatus[]) | undefined;
  /** Caches the state for a start without the region; called before the rack gets it. */
  readonly saveState: (state: DesiredState) => void;
  /** Sends a message to the rack. */
  readonly send: (message: RegionMessage) => void;
}

/** Adds the rack's present wall time, from which the region tells whether the rack's clock is right. */
const addWallTime = (measures: RackMeasures, atMs: number): RackMeasures =>
  measures.host === undefined ? measures : { ...measures, host: { ...measures.host, atMs: Math.round(atMs) } };

export class RegionLink {
  readonly #options: RegionLinkOptions;
  readonly #registration: Repeater;
  readonly #heartbeat: Repeater;
  readonly #sending: Repeater;
  readonly #follower: StateFollower;
  readonly #keeper: OutboxKeeper;
  readonly #images: ReportedImages;
  readonly #copies: ReportedCopies;
  readonly #status: StatusKeeper;
  readonly #startedAtMs: number;
  #rack: RackDescription | undefined;
  #measures: RackMeasures | undefined;
  #life = '';
  /** Answers to the region's requests that no heartbeat has carried yet. */
  #pendingAnswers: readonly RackAnswer[] = [];
  #appliedVersion = 0;
  /**
   * Suspended while the region uses another version; its answers to heartbeats show when that
   * changes.
   */
  #phase: 'registering' | 'linked' | 'suspended' = 'registering';
  #refusedHeartbeats = 0;
  #relinkTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: RegionLinkOptions) {
    const { clock, transport, outbox } = options;
    this.#options = options;
    this.#startedAtMs = clock.wallTimeMs();
    const ask = (request: LinkRequest): Promise<LinkAnswer | undefined> => this.#ask(request);
    const path = (name: string): string => `/uplink/${UPLINK_VERSION}/racks/${this.#rack?.uuid ?? ''}/${name}`;
    const notice = (body: NoticeBody): void => this.#status.notice(body);
    const send = (message: RegionMessage): void => {
      // Send the status first: otherwise a sum of the waiting events could miss the batch in both places.
      if (message.kind === 'stored') this.#status.report();
      options.send(message);
    };
    this.#status = new StatusKeeper({
      clock,
      outbox,
      url: () => transport.url,
      addresses: options.listAddresses ?? (() => []),
      send: options.send,
      problem: () => this.#keeper.problem,
    });
    this.#keeper = new OutboxKeeper({ clock, outbox, send, notice, onAdded: () => this.#sending.poke() });
    this.#images = new ReportedImages(options);
    this.#copies = new ReportedCopies(options.listCopies ?? (() => []));
    const sender = new EventSender({
      clock,
      outbox,
      path: () => path('events'),
      rack: () => this.#rack?.uuid ?? '',
      ask,
      onBuried: (entry, reason) => {
        const letterFields =
          entry.kind === 'post' ? { what: entry.kind, peer: entry.post.peer } : { what: entry.report.kind };
        notice({ kind: 'outbox.dead-letter', sequence: entry.sequence, ...letterFields, reason });
      },
      onRenumbered: () => notice({ kind: 'outbox.renumbered', id: outbox.id }),
      onStoreProblem: (problem) => this.#keeper.setStoreProblem(problem),
    });
    this.#sending = new Repeater(clock, () => this.#runAndReport(sender.run()));
    this.#registration = new Repeater(clock, () => this.#runAndReport(this.#register()));
    this.#heartbeat = new Repeater(clock, () => this.#runAndReport(this.#sendHeartbeat()));
    this.#follower = new StateFollower({
      clock,
      transport,
      path,
      ask,
      onState: (state, isAnew) => {
        options.saveState(state);
        options.send({ kind: 'desired-state', state, isAnew });
      },
      onRequest: (request) => options.send({ kind: 'request', request }),
      onStreamEnd: () => this.#heartbeat.poke(),
      onProblem: (reason) =>
        options.send({ kind: 'problem', id: 'desired-state', note: { note: 'state-invalid', reason } }),
    });
  }

  /** Handles a message from the rack; the thread itself handles `close` and `configure`. */
  receive(message: RackMessage): void {
    if (this.#isClosed) return;
    switch (message.kind) {
      case 'hello':
        this.#handleHello(message);
        break;
      case 'events':
        this.#keeper.store(this.#life, message);
        this.#status.reportSoon();
        break;
      case 'measured':
        this.#measures = message.measures;
        break;
      case 'applied':
        if (message.version === this.#appliedVersion) break;
        this.#appliedVersion = message.version;
        this.#heartbeat.poke();
        break;
      case 'answered':
        this.#pendingAnswers = [...this.#pendingAnswers, message.answer].slice(-RACK_ANSWERS_MAX);
        this.#heartbeat.poke();
        break;
      case 'post':
        this.#options.send({ kind: 'post-stored', id: message.id, refusal: this.#keeper.storePost(message.post) });
        this.#status.reportSoon();
        break;
      case 'outbox':
        this.#options.send({ kind: 'outbox-answer', id: message.id, answer: this.#keeper.handle(message.command) });
        this.#status.reportSoon();
        break;
      case 'configure':
      case 'open-images':
      case 'scan-answer':
      case 'close':
        break;
      default:
        unreachable(message);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#registration.stop();
    this.#unlink();
    this.#status.close();
    this.#relinkTimer?.cancel();
    this.#keeper.close();
  }

  #handleHello({ uplink, life, rack, imageTree }: Extract<RackMessage, { kind: 'hello' }>): void {
    if (uplink !== UPLINK_VERSION) {
      this.#options.send({
        kind: 'refused',
        note: { note: 'link-versions', ownVersion: uplink, otherVersion: UPLINK_VERSION },
      });
      // Further messages could be misunderstood.
      this.close();
      return;
    }
    const isFirst = this.#rack === undefined;
    this.#rack = rack;
    this.#images.tree = imageTree;
    this.#life = life;
    if (isFirst) {
      this.#options.send({ kind: 'listening', addresses: [this.#options.transport.url] });
      this.#registration.start();
      this.#status.reportSoon();
    } else this.#heartbeat.poke();
  }

  // ── requests to the region

  /**
   * Sends a request, and handles answers about the link itself.
   * @returns `undefined` for these, or if there is no answer
   */
  async #ask(request: LinkRequest): Promise<LinkAnswer | undefined> {
    const { transport, clock } = this.#options;
    let answer: LinkAnswer;
    try {
      answer = await transport.ask(request);
    } catch (error) {
      this.#reportAway(
        error instanceof LinkFailure ? error.note : { note: 'link-failed', reason: parseAnswerText(errorText(error)) },
      );
      return undefined;
    }
    if (this.#isClosed) return undefined;
    if (answer.status === 502 || answer.status === 504) {
      this.#reportAway({ note: 'link-answers', ...this.#describeAnswer(answer) });
      return undefined;
    }
    if (isRedirection(answer.status)) {
      this.#reportAway(composeRedirectionNote(this.#options.transport.url, answer));
      return undefined;
    }
    this.#status.recordContact();
    if (this.#phase === 'registering' || !request.path.startsWith('/uplink/')) return answer;
    if (UNLINKING_STATUSES.has(answer.status)) {
      this.#unlink();
      this.#changeState('registering', {
        note: 'link-ended',
        status: answer.status,
        said: parseAnswerText(answer.body),
      });
      // Register after a pause: a rack that is registered and unlinked in turn must not loop at full speed.
      this.#relinkTimer = clock.schedule(PENDING_MS, () => this.#registration.start());
      return undefined;
    }
    if (this.#phase === 'linked' && answer.status !== STATUS_UNAVAILABLE) this.#changeState('up');
    // A heartbeat shows whether the region refuses this request or all.
    if (answer.status === STATUS_UNAVAILABLE && request.path !== this.#heartbeatPath) this.#heartbeat.poke();
    // Ignore late answers to requests sent before the region changed its version.
    return this.#phase === 'linked' || request.path === this.#heartbeatPath ? answer : undefined;
  }

  get #heartbeatPath(): string {
    return `/uplink/${UPLINK_VERSION}/racks/${this.#rack?.uuid ?? ''}/heartbeat`;
  }

  async #register(): Promise<RunOutcome> {
    const rack = this.#rack;
    if (rack === undefined) return { kind: 'failed' };
    const { key } = this.#options;
    const drawnKeyFields = key.isDrawn ? { token: key.token, secret_digest: digestSecret(key) } : {};
    const { name } = rack;
    const form = { ...composeRegistrationFields(rack), uplink: String(UPLINK_VERSION), ...drawnKeyFields };
    const answer = await this.#ask({
      method: 'POST',
      path: REGISTER_PATH,
      authorized: !key.isDrawn,
      body: { contentType: 'application/x-www-form-urlencoded', text: new URLSearchParams(form).toString() },
    });
    if (answer === undefined) return { kind: 'failed' };
    if (answer.status === 200) {
      this.#link();
      return { kind: 'rest', ms: REFUSED_MS };
    }
    const refusal = findRegistrationRefusal(answer, { name, keyFile: this.#options.keyFile });
    if (refusal === undefined) {
      this.#reportAway({ note: 'link-refused', ...this.#describeAnswer(answer) });
      return { kind: 'failed', retryAfterMs: answer.retryAfterMs };
    }
    this.#changeState(refusal.state, refusal.note);
    return { kind: 'rest', ms: refusal.state === 'pending' ? PENDING_MS : REFUSED_MS };
  }

  #link(): void {
    this.#registration.stop();
    this.#phase = 'linked';
    this.#images.forget();
    this.#copies.forget();
    this.#changeState('up');
    this.#heartbeat.start();
    this.#sending.start();
    this.#follower.start();
  }

  #unlink(): void {
    this.#endLink('registering');
    this.#heartbeat.stop();
  }

  #endLink(phase: 'registering' | 'suspended'): void {
    this.#phase = phase;
    this.#sending.stop();
    this.#follower.stop();
  }

  /** Stops all exchange but heartbeats while the region uses another version. */
  #suspend(version: number): void {
    this.#endLink('suspended');
    this.#changeState('incompatible', { note: 'link-versions', ownVersion: UPLINK_VERSION, otherVersion: version });
  }

  async #sendHeartbeat(): Promise<RunOutcome> {
    const { outbox, clock } = this.#options;
    const sentAt = clock.now();
    const images = this.#images.nextReport();
    const copies = this.#copies.nextReport();
    const answers = this.#pendingAnswers;
    const heartbeat: Heartbeat = {
      version: this.#rack?.version ?? '',
      uplink: UPLINK_VERSION,
      life: this.#life,
      applied: this.#appliedVersion,
      waiting: outbox.length,
      dropped: sumCounts(outbox.dropped),
      deadLetters: outbox.deadLetterCount,
      pinned: this.#rack?.pinned ?? [],
      interfaces: this.#rack?.interfaces ?? [],
      addresses: this.#rack?.addresses,
      startedAt: this.#startedAtMs,
      settingsRefused: this.#rack?.settingsRefused,
      measures: this.#measures && addWallTime(this.#measures, clock.wallTimeMs()),
      images,
      copies,
      answers: answers.length === 0 ? undefined : answers,
    };
    const body = { contentType: 'application/json', text: JSON.stringify(heartbeat) };
    const answer = await this.#ask({ method: 'POST', path: this.#heartbeatPath, authorized: true, body });
    if (answer === undefined) return { kind: 'failed' };
    this.#refusedHeartbeats = answer.status === STATUS_UNAVAILABLE ? this.#refusedHeartbeats + 1 : 0;
    if (this.#refusedHeartbeats === AWAY_AFTER_REFUSALS)
      this.#reportAway({ note: 'link-answers', ...this.#describeAnswer(answer) });
    const parsed = answer.status === 200 ? parseHeartbeatAnswer(answer.body) : undefined;
    if (parsed === undefined) return { kind: 'failed', retryAfterMs: answer.retryAfterMs };
    if (images !== undefined) this.#images.acknowledge(images);
    if (copies !== undefined) this.#copies.acknowledge(copies);
    this.#pendingAnswers = this.#pendingAnswers.filter((answer) => !answers.includes(answer));
    if (parsed.uplink !== UPLINK_VERSION) {
      this.#suspend(parsed.uplink);
      return { kind: 'rest', ms: HEARTBEAT_MS };
    }
    if (this.#phase === 'suspended') this.#link();
    this.#status.recordHeartbeat(parsed.version, Math.round(clock.now() - sentAt));
    return { kind: 'rest', ms: HEARTBEAT_MS };
  }

  // ── the status of the link

  #reportAway(note: RackNote): void {
    if (!this.#isClosed) this.#changeState('away', note);
  }

  #describeAnswer({ status, body }: LinkAnswer) {
    return { url: this.#options.transport.url, status, said: parseAnswerText(body) };
  }

  #changeState(state: LinkState, note?: RackNote): void {
    if (!this.#status.changeState(state, note) || state !== 'up') return;
    this.#heartbeat.hasten();
    this.#sending.hasten();
    this.#follower.hasten();
  }

  async #runAndReport(run: Promise<RunOutcome>): Promise<RunOutcome> {
    const outcome = await run;
    this.#status.reportSoon();
    return outcome;
  }

  /** Call when another address of the region answers than before. */
  reportMove(url: string, formerUrl: string): void {
    this.#status.recordMove();
    this.#status.notice({ kind: 'region.moved', url, former: formerUrl });
  }

  /** Call when an address of the region began to fail, or answers again. */
  reportAddresses(): void {
    this.#status.reportSoon();
  }

  /** The current status of the link. */
  status(): LinkStatus {
    return this.#status.read();
  }
}
