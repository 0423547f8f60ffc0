// The TFTP server: opens the sockets and finds the session that each packet belongs to.
// Sources: RFC 1350, RFC 2347; DESIGN.md 4.
//
// 1. Sessions are bounded by TRANSFERS_MAX; one request more is refused by name.
// 2. What a forged datagram can cause (an error sent back, an event) is limited in rate; refusing is counted always.
// 3. A change of the settings opens and closes only what changed; transfers under way are carried to their end.

import type { ResolveAsset } from '../boot/asset.ts';
import type { Clock, Instant } from '../clock.ts';
import { Counters } from '../counters.ts';
import type { Publish } from '../event.ts';
import type { FileTree } from '../files/opened-file.ts';
import type { Ipv4 } from '../net/address.ts';
import type { DatagramNetwork, DatagramSocket, ReceivedDatagram, SocketCounters } from '../net/datagram.ts';
import { EventSampler, RateLimit } from '../rate-limit.ts';
import type { TftpConfig } from './config.ts';
import { TFTP_COUNTERS, type TftpCounter, type TftpEvent } from './events.ts';
import { Listener, peerKey, TRANSFER_SOCKETS } from './listener.ts';
import { decodePacket, encodeError, TFTP_ERROR, type TftpRequest } from './packet.ts';
import { requestEvent, Session, sameRequest } from './session.ts';
import { Transfers } from './transfers.ts';

/** A request that comes again so soon after a packet of its transfer is a copy made by the network. */
export const COPIED_REQUEST_MS = 200;

export interface TftpDeps {
  readonly network: DatagramNetwork;
  readonly clock: Clock;
  readonly resolve: ResolveAsset;
  readonly files: FileTree;
  readonly publish: Publish;
}

/** The refusals that no session is needed for. */
const REFUSALS = {
  write: { counter: 'refused-write', code: TFTP_ERROR.accessViolation, text: 'This server is read-only' },
  mode: { counter: 'refused-mode', code: TFTP_ERROR.illegalOperation, text: 'Mode must be octet or netascii' },
  busy: { counter: 'refused-busy', code: TFTP_ERROR.notDefined, text: 'Too many transfers, try again' },
} as const satisfies Record<string, { counter: TftpCounter; code: number; text: string }>;

/** Serves the boot tree and rendered configuration by TFTP. */
export class TftpServer {
  readonly #deps: TftpDeps;
  readonly #listeners = new Set<Listener<Session>>();
  readonly #counters = new Counters(TFTP_COUNTERS);
  readonly #transfers: Transfers;
  readonly #refusals = new EventSampler();
  readonly #strayErrors = new RateLimit({ perSecond: 100, burst: 100 });
  #configuring: Promise<void> = Promise.resolve();
  #onIdle: (() => void) | undefined;

  constructor(deps: TftpDeps) {
    this.#deps = deps;
    this.#transfers = new Transfers({
      ...deps,
      counters: this.#counters,
      refusals: this.#refusals,
      onReleased: ({ origin }) => {
        this.#closeIfLeft(origin.listener);
        if (this.#transfers.active === 0) this.#onIdle?.();
      },
    });
  }

  /** Addresses and ports where requests are taken now. */
  get listening(): readonly { readonly address: Ipv4; readonly port: number }[] {
    return this.#serving.map(({ address, localPort }) => ({ address, port: localPort }));
  }

  /** What happened since the start, by name, and the transfers under way. */
  counters(): Readonly<Record<TftpCounter, number>> & { readonly active: number } {
    return { ...this.#counters.read(), active: this.#transfers.active };
  }

  /** What the sockets counted that are open now. */
  sockets(): readonly SocketCounters[] {
    return [...this.#listeners].flatMap((listener) => listener.counters());
  }

  /**
   * Serves these addresses from now on. When one cannot be opened the others are, nothing is closed, and the first failure is
   * thrown; calling again tries what is missing.
   * @throws RackError as `DatagramNetwork.open`.
   */
  configure(config: TftpConfig): Promise<void> {
    const run = this.#configuring.then(() => this.#configure(config));
    this.#configuring = run.catch(() => undefined);
    return run;
  }

  /** Takes no more requests, lets transfers go on for up to `graceMs`, then closes everything. */
  async close(graceMs: number): Promise<void> {
    await this.#configuring;
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
  }

  get #serving(): readonly Listener<Session>[] {
    return [...this.#listeners].filter(({ leaving }) => !leaving);
  }

  async #configure(config: TftpConfig): Promise<void> {
    const wanted = new Set(config.listen);
    const kept = (listener: Listener<Session>) => wanted.has(listener.address) && listener.port === config.listenPort;
    const failures: unknown[] = [];
    for (const address of wanted) {
      if (this.#serving.some((listener) => kept(listener) && listener.address === address)) continue;
      try {
        await this.#listen(address, config.listenPort);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    for (const listener of this.#serving) if (!kept(listener)) this.#leave(listener);
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
    // Datagrams that come before the listener is complete are asked again by their senders.
    let listener: Listener<Session> | undefined;
    try {
      const transfers: DatagramSocket[] = [];
      for (let index = 0; index < TRANSFER_SOCKETS; index += 1) {
        const socket: DatagramSocket = await open(
          0,
          (batch) => listener && this.#onTransferPackets(listener, socket, batch),
        );
        transfers.push(socket);
      }
      const requests = await open(port, (batch) => listener && this.#onRequests(listener, batch));
      listener = new Listener(address, port, requests, transfers);
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

  #onRequests(listener: Listener<Session>, datagrams: readonly ReceivedDatagram[]): void {
    const now = this.#deps.clock.now();
    for (const datagram of datagrams) {
      const packet = decodePacket(datagram.bytes);
      const { from, fromPort } = datagram;
      if (!packet.ok || (packet.value.kind !== 'read' && packet.value.kind !== 'write') || fromPort === 0) {
        this.#counters.add('malformed');
        const sample = this.#refusals.take('tftp.malformed', now);
        const reason = packet.ok ? `${packet.value.kind} packet` : `${packet.fault.field}: ${packet.fault.code}`;
        if (sample !== undefined)
          this.#publish({ ...requestEvent('tftp.malformed', now, from, fromPort, undefined), reason, ...sample });
        continue;
      }
      this.#onRequest(listener, packet.value, from, fromPort, now);
    }
    this.#transfers.drain();
  }

  #onRequest(listener: Listener<Session>, request: TftpRequest, peer: Ipv4, port: number, now: Instant): void {
    this.#counters.add('requests');
    const former = listener.sessions.get(peerKey(peer, port));
    if (former !== undefined && this.#isRepeated(former, request, now)) return;
    const refusal = this.#refusalOf(request, former, now);
    if (refusal !== undefined) {
      this.#refuse(listener, request, peer, port, now, refusal);
      return;
    }
    const socket = listener.chooseSocket(peerKey(peer, port));
    if (former !== undefined) {
      this.#counters.add('restarted');
      this.#transfers.release(former);
      this.#publish(former.event('tftp.restarted', now));
    }
    this.#transfers.begin(new Session({ listener, socket, peer, port, request }, now));
  }

  #refusalOf(request: TftpRequest, former: Session | undefined, now: Instant): keyof typeof REFUSALS | undefined {
    if (request.kind === 'write') return 'write';
    if (request.mode !== 'octet' && request.mode !== 'netascii') return 'mode';
    return former !== undefined || this.#transfers.hasRoom(now) ? undefined : 'busy';
  }

  /** True when the request was made before and is being answered. */
  #isRepeated(session: Session, request: TftpRequest, now: Instant): boolean {
    if (!sameRequest(session.origin.request, request)) return false;
    const copied = now - session.heardAt < COPIED_REQUEST_MS;
    if (!session.unanswered && !copied) return false;
    this.#counters.add('requests-repeated');
    if (session.unanswered) this.#transfers.handle(session, { kind: 'request-again' });
    return true;
  }

  #refuse(
    listener: Listener<Session>,
    request: TftpRequest,
    peer: Ipv4,
    port: number,
    now: Instant,
    reason: keyof typeof REFUSALS,
  ): void {
    const { counter, code, text } = REFUSALS[reason];
    this.#counters.add(counter);
    if (this.#strayErrors.allows(now)) this.#sendError(listener.errors, peer, port, code, text);
    const sample = this.#refusals.take('tftp.refused', now);
    if (sample !== undefined)
      this.#publish({ ...requestEvent('tftp.refused', now, peer, port, request), reason, ...sample });
  }

  #onTransferPackets(
    listener: Listener<Session>,
    socket: DatagramSocket,
    datagrams: readonly ReceivedDatagram[],
  ): void {
    const now = this.#deps.clock.now();
    for (const { bytes, from, fromPort } of datagrams) {
      const packet = decodePacket(bytes);
      const key = peerKey(from, fromPort);
      const session = listener.sessions.get(key);
      if (!packet.ok || (packet.value.kind !== 'ack' && packet.value.kind !== 'error') || fromPort === 0) {
        this.#counters.add('malformed');
      } else if (session !== undefined && session.origin.socket === socket) {
        session.heardAt = now;
        this.#transfers.handle(session, packet.value);
      } else if (packet.value.kind === 'ack' && !listener.isLate(key, now)) {
        this.#counters.add('strays');
        if (!this.#strayErrors.allows(now)) continue;
        this.#sendError(socket, from, fromPort, TFTP_ERROR.unknownTransfer, 'Unknown transfer');
      }
    }
    this.#transfers.drain();
  }

  #sendError(socket: DatagramSocket, peer: Ipv4, port: number, code: number, text: string): void {
    socket.send([{ bytes: encodeError(code, text), to: { kind: 'unicast', address: peer, port } }]);
  }

  #publish(event: TftpEvent): void {
    this.#deps.publish(event);
  }
}
