// The TFTP server: opens the sockets and finds the session that each packet belongs to. Sources:
// RFC 1350, RFC 2347; CONTRIBUTING.md ("The path of a datagram").
//
// 1. The server answers only clients of `TftpConfig.clients` and this host itself. It drops all
//    others silently, because an answer could reach a host that never asked.
// 2. The effects of a forged datagram (an error reply, an event) are limited in rate; every refusal
//    is counted.
// 3. A change of the settings opens and closes only what changed; running transfers continue to their end.
// 4. A packet from a wrong port gets error 5 (RFC 1350 §4) if it comes from the host of the
//    transfer's client (`transfer-engine.ts`). Strangers get none, because it would tell them which
//    ports carry a transfer: to them the kernel reports each of them closed, by ICMP.
// 5. Beginning a transfer costs twenty times as much as reading its request. So requests begin in
//    turns by address, within BEGIN_TIME_SHARE_MAX of the time: a flooding host waits behind its
//    own requests. None is refused because of earlier ones from its address, which may be forged:
//    at the bound the oldest gives way, and its client retries.

import type { ResolveAsset } from '../boot/asset.ts';
import type { FileTree } from '../files/opened-file.ts';
import { type Ipv4, type Ipv4Network, networkContains } from '../ground/address.ts';
import type { Clock, Instant } from '../ground/clock.ts';
import { Counters } from '../ground/counters.ts';
import type { Publish } from '../ground/event.ts';
import { EventSampler, RateLimit } from '../ground/rate-limit.ts';
import { type TurnBounds, Turns } from '../ground/turns.ts';
import type { DatagramSocket, HostNetwork, ReceivedDatagram, SocketCounters } from '../net/datagrams/datagram.ts';
import { TurnQueue } from '../net/shares/turn-queue.ts';
import type { TftpConfig } from './config.ts';
import { TFTP_COUNTERS, type TftpCounter, type TftpEvent } from './events.ts';
import { Listener, peerKey } from './listener.ts';
import { describeOptionFault } from './negotiated-options.ts';
import { decodePacket, describeRequestFault, encodeError, TFTP_ERROR, type TftpRequest } from './packet.ts';
import { requestEvent, Session, sameRequest } from './session.ts';
import { allocateTransferMemory, SharedTransferState } from './shared-transfer-state.ts';
import type { MakeTransferRunner, TransferRunner } from './transfer-runner.ts';
import { BUSY_TEXT, Transfers } from './transfers.ts';

/** A request this soon after a packet of its transfer is the network's copy, in milliseconds. */
const COPIED_REQUEST_MS = 200;

/** Error replies to requests that get no transfer: forged requests must not cause many packets. */
const ERROR_RATE = { perSecond: 100, burst: 100 };

/**
 * Requests of all hosts that wait to begin. A host fills it by sending faster than the rack begins,
 * perhaps from forged addresses. At the bound the network and address with the most lose their
 * oldest request, and its client retries. It empties within a quarter of a second.
 */
const WAITING_MAX = 1024;
/**
 * One address's part of WAITING_MAX: enough for machines behind one router. The oldest is dropped
 * for the newest.
 */
const WAITING_OF_ADDRESS_MAX = 512;
/**
 * Transfers that begin in one turn of the event loop. Floods fill it; other datagrams wait for that
 * turn, one to two milliseconds.
 */
const TURN_BEGINS_MAX = 16;
/** The most for one address before others get their share. */
const SHARE_BEGINS_MAX = 4;
/** The share of time in which transfers begin, once beginnings have taken longer than BEGIN_STRETCH_MS. */
const BEGIN_TIME_SHARE_MAX = 0.5;
/**
 * How long transfers may begin without rest after an idle period, in milliseconds: for a hall of
 * machines that all ask at once.
 */
const BEGIN_STRETCH_MS = 20;
const BEGINNINGS: TurnBounds = {
  turnWork: TURN_BEGINS_MAX,
  shareWork: SHARE_BEGINS_MAX,
  timeShare: BEGIN_TIME_SHARE_MAX,
  stretchMs: BEGIN_STRETCH_MS,
};

interface TftpDeps {
  readonly network: Pick<HostNetwork, 'open' | 'mayReach'>;
  readonly makeTransferRunner: MakeTransferRunner;
  readonly clock: Clock;
  readonly resolve: ResolveAsset;
  readonly files: FileTree;
  readonly publish: Publish;
}

const REFUSALS = {
  write: { counter: 'refused-write', code: TFTP_ERROR.accessViolation, text: 'This server is read-only' },
  mode: { counter: 'refused-mode', code: TFTP_ERROR.illegalOperation, text: 'Mode must be octet or netascii' },
  option: { counter: 'refused-option', code: TFTP_ERROR.optionRefused, text: 'An option is outside its range' },
  busy: { counter: 'refused-busy', code: TFTP_ERROR.notDefined, text: BUSY_TEXT },
} as const satisfies Record<string, { counter: TftpCounter; code: number; text: string }>;

interface ReceivedRequest {
  readonly listener: Listener<Session>;
  readonly request: TftpRequest;
  readonly peer: Ipv4;
  readonly port: number;
}

export class TftpServer {
  readonly #deps: TftpDeps;
  readonly #listeners = new Set<Listener<Session>>();
  readonly #counters = new Counters(TFTP_COUNTERS);
  readonly #transfers: Transfers;
  readonly #state: SharedTransferState;
  readonly #runner: TransferRunner;
  readonly #waiting: TurnQueue<ReceivedRequest>;
  readonly #refusals = new EventSampler();
  readonly #errorLimit = new RateLimit(ERROR_RATE);
  #clients: readonly Ipv4Network[] = [];
  #configuring: Promise<void> = Promise.resolve();
  #onIdle: (() => void) | undefined;

  constructor(deps: TftpDeps) {
    this.#deps = deps;
    const memory = allocateTransferMemory();
    this.#state = new SharedTransferState(memory);
    const turns = new Turns(deps.clock, BEGINNINGS, () => undefined);
    this.#waiting = new TurnQueue({
      turns,
      max: WAITING_MAX,
      addressMax: WAITING_OF_ADDRESS_MAX,
      serve: (request) => this.#begin(request),
      drop: (request) => this.#drop(request),
    });
    this.#transfers = new Transfers({
      ...deps,
      counters: this.#counters,
      refusals: this.#refusals,
      state: this.#state,
      command: (order) => this.#runner.tell(order),
      mayReach: (client) => deps.network.mayReach(client),
      onStarted: (ms) => turns.spend(ms),
      onReleased: ({ origin }) => {
        this.#closeIfLeft(origin.listener);
        if (this.#transfers.active === 0) this.#onIdle?.();
      },
    });
    this.#runner = deps.makeTransferRunner({
      memory,
      take: (report) => this.#transfers.take(report),
      onFailure: (reason) => this.#onThreadEnded(reason),
    });
  }

  /** Addresses and ports that take requests now. */
  get listening(): readonly { readonly address: Ipv4; readonly port: number }[] {
    return this.#serving.map(({ address, localPort }) => ({ address, port: localPort }));
  }

  /** Counters since start, and the running transfers. */
  counters(): Readonly<Record<TftpCounter, number>> & { readonly active: number } {
    const counted = this.#counters.read();
    const transferCounts = this.#state.counters.read();
    return {
      ...counted,
      blocks: transferCounts.blocks,
      malformed: counted.malformed + transferCounts.malformed,
      'send-errors': counted['send-errors'] + transferCounts['send-errors'],
      active: this.#transfers.active,
    };
  }

  /**
   * Gets the transfer engine ready, because starting it takes a while: a machine was told to load a
   * file.
   */
  prepare(): void {
    if (this.#listeners.size > 0) this.#runner.prepare();
  }

  /**
   * Visits each client that has answered, with the time of its last packet. @returns the number of
   * transfers
   */
  visitLoading(visit: (address: Ipv4, heardAt: Instant) => void): number {
    for (const { sessions } of this.#listeners)
      for (const { origin, progress } of sessions.values()) if (progress.answered) visit(origin.peer, progress.heardAt);
    return this.#transfers.active;
  }

  sockets(): readonly SocketCounters[] {
    const { received, blocks, packets, 'send-errors': sendErrors } = this.#state.counters.read();
    const transfers = { received, sent: blocks + packets - sendErrors, sendErrors, receiveDrops: undefined };
    return [...[...this.#listeners].flatMap((listener) => listener.counters()), transfers];
  }

  /**
   * Replaces the served addresses and clients. If a socket cannot be opened, all others are opened,
   * none is closed, and the first failure is thrown; another call retries the missing ones.
   * @throws RackError as `DatagramNetwork.open`.
   */
  configure(config: TftpConfig): Promise<void> {
    const run = this.#configuring.then(() => this.#configure(config));
    this.#configuring = run.catch(() => undefined);
    return run;
  }

  /** Stops taking requests, waits for transfers up to `graceMs`, then closes everything. */
  async close(graceMs: number): Promise<void> {
    await this.#configuring;
    this.#waiting.clear();
    for (const listener of this.#serving) this.#leave(listener);
    if (this.#transfers.active > 0 && graceMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      const timer = this.#deps.clock.schedule(graceMs, resolve);
      await promise;
      timer.cancel();
    }
    for (const listener of this.#listeners) {
      for (const session of listener.sessions.values()) {
        this.#transfers.turnAway(session, TFTP_ERROR.notDefined, 'Server is stopping');
      }
      listener.close();
    }
    this.#listeners.clear();
    this.#transfers.close();
    await this.#runner.stop();
    this.#transfers.fail('the server was closed');
  }

  get #serving(): readonly Listener<Session>[] {
    return [...this.#listeners].filter(({ leaving }) => !leaving);
  }

  async #configure(config: TftpConfig): Promise<void> {
    this.#clients = config.clients;
    const wanted = new Set(config.listen);
    const isKept = (listener: Listener<Session>) => wanted.has(listener.address) && listener.port === config.listenPort;
    const failures: unknown[] = [];
    for (const address of wanted) {
      if (this.#serving.some((listener) => isKept(listener) && listener.address === address)) continue;
      try {
        await this.#listen(address, config.listenPort);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    for (const listener of this.#serving) if (!isKept(listener)) this.#leave(listener);
  }

  async #listen(address: Ipv4, port: number): Promise<void> {
    const { network, clock } = this.#deps;
    const opened: DatagramSocket[] = [];
    const open = async (localPort: number, onDatagrams: (datagrams: readonly ReceivedDatagram[]) => void) => {
      const onSendError = () => this.#counters.add('send-errors');
      const socket = await network.open({ address, port: localPort, freebind: true, onDatagrams, onSendError });
      opened.push(socket);
      return socket;
    };
    // Earlier datagrams are lost; their clients retry.
    let listener: Listener<Session> | undefined;
    try {
      const errors = await open(0, (batch) => this.#counters.add('strays', batch.length));
      const requests = await open(port, (batch) => listener && this.#onRequests(listener, batch));
      listener = new Listener(address, port, requests, errors);
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
    this.#listeners.add(listener);
    this.#publish({ kind: 'tftp.listening', at: clock.now(), address, port: listener.localPort });
  }

  #leave(listener: Listener<Session>): void {
    listener.leave();
    this.#closeIfLeft(listener);
  }

  #closeIfLeft(listener: Listener<Session>): void {
    if (!listener.leaving || listener.sessions.size > 0) return;
    listener.close();
    this.#listeners.delete(listener);
  }

  #onThreadEnded(reason: string): void {
    this.#publish({ kind: 'tftp.interrupted', at: this.#deps.clock.now(), reason });
    this.#transfers.fail(reason);
  }

  #onRequests(listener: Listener<Session>, datagrams: readonly ReceivedDatagram[]): void {
    const now = this.#deps.clock.now();
    for (const { bytes, from, fromPort } of datagrams) {
      if (!this.#isClient(listener, from)) {
        this.#dropStranger(from, fromPort, now);
        continue;
      }
      const packet = decodePacket(bytes);
      if (packet.ok && (packet.value.kind === 'read' || packet.value.kind === 'write') && fromPort !== 0) {
        this.#onRequest(listener, packet.value, from, fromPort, now);
        continue;
      }
      this.#counters.add('malformed');
      const text = packet.ok || fromPort === 0 ? undefined : describeRequestFault(packet.fault);
      if (text !== undefined) this.#sendError(listener, from, fromPort, now, TFTP_ERROR.illegalOperation, text);
      const sample = this.#refusals.take('tftp.malformed', now);
      const reason = packet.ok ? packet.value.kind : `${packet.fault.field}: ${packet.fault.code}`;
      if (sample !== undefined)
        this.#publish({ ...requestEvent('tftp.malformed', now, from, fromPort, undefined), reason, ...sample });
    }
  }

  #isClient(listener: Listener<Session>, peer: Ipv4): boolean {
    return peer === listener.address || this.#clients.some((network) => networkContains(network, peer));
  }

  #dropStranger(peer: Ipv4, port: number, now: Instant): void {
    this.#counters.add('refused-network');
    const sample = this.#refusals.take('network-not-served', now);
    if (sample === undefined) return;
    const event = requestEvent('tftp.refused', now, peer, port, undefined);
    this.#publish({ ...event, reason: 'network-not-served', ...sample });
  }

  #onRequest(listener: Listener<Session>, request: TftpRequest, peer: Ipv4, port: number, now: Instant): void {
    this.#counters.add('requests');
    if (this.#isUnderWay({ listener, request, peer, port }, now)) return;
    const optionFault = describeOptionFault(request.options);
    if (request.kind === 'write') this.#refuse(listener, request, peer, port, now, 'write');
    else if (request.mode !== 'octet' && request.mode !== 'netascii')
      this.#refuse(listener, request, peer, port, now, 'mode');
    else if (optionFault !== undefined) this.#refuse(listener, request, peer, port, now, 'option', optionFault);
    else this.#waiting.offer(peer, { listener, request, peer, port });
  }

  #begin(readRequest: ReceivedRequest): void {
    const now = this.#deps.clock.now();
    const { listener, request, peer, port } = readRequest;
    // A copy may have begun meanwhile.
    if (listener.leaving || this.#isUnderWay(readRequest, now)) return;
    const session = new Session(readRequest, now, (slot) => this.#state.read(slot));
    const begun = this.#transfers.begin(session, listener.sessions.get(peerKey(peer, port)));
    if (!begun) this.#refuse(listener, request, peer, port, now, 'busy');
  }

  /** The client gets no error: its address may be forged. */
  #drop({ peer, port, request }: ReceivedRequest): void {
    const now = this.#deps.clock.now();
    this.#counters.add('gave-way');
    const sample = this.#refusals.take('tftp.gave-way', now);
    if (sample !== undefined) this.#publish({ ...requestEvent('tftp.gave-way', now, peer, port, request), ...sample });
  }

  #isUnderWay({ listener, request, peer, port }: ReceivedRequest, now: Instant): boolean {
    const former = listener.sessions.get(peerKey(peer, port));
    return [former, former?.successor].some((session) => session && this.#isRepeated(session, request, now));
  }

  /** True for a copy of a request being answered. */
  #isRepeated(session: Session, request: TftpRequest, now: Instant): boolean {
    if (!sameRequest(session.origin.request, request)) return false;
    const copied = now - session.progress.heardAt < COPIED_REQUEST_MS;
    if (!session.unanswered && !copied) return false;
    this.#counters.add('requests-repeated');
    if (session.unanswered) this.#transfers.askAgain(session);
    return true;
  }

  #refuse(
    listener: Listener<Session>,
    request: TftpRequest,
    peer: Ipv4,
    port: number,
    now: Instant,
    reason: keyof typeof REFUSALS,
    text: string = REFUSALS[reason].text,
  ): void {
    const { counter, code } = REFUSALS[reason];
    this.#counters.add(counter);
    this.#sendError(listener, peer, port, now, code, text);
    const sample = this.#refusals.take('tftp.refused', now);
    if (sample !== undefined)
      this.#publish({ ...requestEvent('tftp.refused', now, peer, port, request), reason, ...sample });
  }

  #sendError(listener: Listener<Session>, address: Ipv4, port: number, now: Instant, code: number, text: string): void {
    if (!this.#errorLimit.allows(now)) return;
    listener.errors.send([{ bytes: encodeError(code, text), to: { kind: 'unicast', address, port } }]);
  }

  #publish(event: TftpEvent): void {
    this.#deps.publish(event);
  }
}
