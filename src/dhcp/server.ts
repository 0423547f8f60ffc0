// The DHCP server: its sockets, timers and interfaces.
//
//   configure, setInterfaces ─ indexSubnets ─ planSockets ─ reconcile: close unwanted sockets, open missing ones
//   socket ─ Responder.receive ─ transmit ─ socket
//
// 1. A reconfiguration touches only sockets that changed.
// 2. A socket that cannot be opened is reported and retried; the others serve.
// 3. Broadcasts and frames leave by the device of the client's network, from the rack's address
//    there. Unicasts leave by the socket of the request: the client knows its address.

import type { Ipv4, MacAddress } from '../ground/address.ts';
import { type Instant, pause, type Timer } from '../ground/clock.ts';
import { Alarm } from '../ground/deadline-queue.ts';
import { errorText, RackError } from '../ground/errors.ts';
import { EventSampler } from '../ground/rate-limit.ts';
import type { DatagramSocket, HostNetwork, OutgoingDatagram, SocketCounters } from '../net/datagrams/datagram.ts';
import type { DhcpState } from './answers/inquiry.ts';
import type { RangeState } from './bounds.ts';
import type { DhcpCounters } from './counters.ts';
import type { DhcpEvent } from './events/events.ts';
import type { ForeignServer } from './foreign/foreign-servers.ts';
import { ForeignWatch, listSharedNetworks } from './foreign/foreign-watch.ts';
import type { Lease } from './leases/lease.ts';
import { isActive } from './leases/lease-table.ts';
import { NEW_CLIENTS_PER_SECOND } from './limits/new-clients.ts';
import type { DhcpConfig } from './networks/config.ts';
import { planSockets, type WantedSocket } from './networks/socket-plan.ts';
import { indexSubnets, type LocalInterface } from './networks/subnet.ts';
import { Responder } from './responder.ts';
import type { Reply, ResponderDeps } from './responder-deps.ts';

/** Time until a socket that could not be opened is retried. */
export const SOCKET_RETRY_MS = 5000;
/** How often shutdown checks for replies still waiting for the disk. */
const DRAIN_CHECK_MS = 10;

/** The server sets the journal's listener; the table already holds the stored leases. */
interface DhcpServerDeps extends Omit<ResponderDeps, 'transmit' | 'foreign'> {
  readonly network: Pick<HostNetwork, 'open' | 'tap'>;
  /** Called when foreign servers appear or go. */
  readonly onForeignChange?: (() => void) | undefined;
  /** Called when every lease that expired before `until` has been reported. */
  readonly onEndsReported?: ((until: Instant) => void) | undefined;
}

/** A socket not open, and why. */
interface SocketProblem {
  /** The interface or the address. */
  readonly name: string;
  readonly error: RackError;
}

interface OpenSocket {
  /** The interface or the address. */
  readonly name: string;
  readonly port: number;
  readonly counters: SocketCounters;
}

interface Held {
  readonly wanted: WantedSocket;
  readonly socket: DatagramSocket;
}

export class DhcpServer {
  readonly #deps: DhcpServerDeps;
  readonly #responder: Responder;
  readonly #foreign: ForeignWatch;
  readonly #sampler = new EventSampler();
  readonly #sockets = new Map<string, Held>();
  #problems: readonly SocketProblem[] = [];
  #config: DhcpConfig = { subnets: [], serverPort: 67, clientPort: 68 };
  #interfaces: readonly LocalInterface[] | undefined;
  /** Reconciliations run one after the other. */
  #work: Promise<void> = Promise.resolve();
  readonly #alarm: Alarm;
  #retryTimer: Timer | undefined;
  #draining = false;
  /** Datagrams that arrived during shutdown. */
  #ignored = 0;
  #closed = false;

  constructor(deps: DhcpServerDeps) {
    this.#deps = deps;
    const { clock, network, publish, onForeignChange } = deps;
    this.#foreign = new ForeignWatch({
      clock,
      publish,
      tap: (request) => network.tap(request),
      ownAddresses: () => this.#responder.state().subnets.ownAddresses,
      isKnownClient: (mac) => deps.machines().findByMac(mac) !== undefined || deps.table.findAllByMac(mac).length > 0,
      onChange: onForeignChange,
    });
    this.#responder = new Responder({
      ...deps,
      foreign: this.#foreign,
      transmit: (replies) => this.#transmit(replies),
    });
    this.#alarm = new Alarm(deps.clock, () => this.#onExpiry());
  }

  /**
   * Serves this configuration from now on. Networks change at once; the promise resolves when the
   * sockets have followed.
   * @returns the sockets not opened; they are retried every SOCKET_RETRY_MS
   */
  async configure(config: DhcpConfig): Promise<readonly SocketProblem[]> {
    this.#config = config;
    return this.#apply();
  }

  /**
   * Replaces the known interfaces; call it with the full list after every change. Until then all
   * configured ones are assumed present.
   */
  async setInterfaces(interfaces: readonly LocalInterface[]): Promise<readonly SocketProblem[]> {
    this.#interfaces = interfaces;
    return this.#apply();
  }

  leases(): readonly Lease[] {
    return this.#deps.table.all();
  }

  /** Notes that a host was heard with this address, which is then probed before an offer. */
  heard(address: Ipv4): void {
    this.#responder.heard(address);
  }

  foreignServers(): readonly ForeignServer[] {
    return this.#foreign.servers;
  }

  /** As `ForeignWatch.search`. */
  searchServers(device: string, mac: MacAddress): Promise<readonly Ipv4[] | undefined> {
    return this.#foreign.search(device, mac);
  }

  /** True if probing for other servers is impossible; false if it works or is disabled. */
  get isBlind(): boolean {
    return this.#foreign.isBlind;
  }

  counters(): DhcpCounters {
    return { ...this.#responder.counters(), ignored: this.#ignored };
  }

  state(): DhcpState {
    return this.#responder.state();
  }

  ranges(): readonly RangeState[] {
    return this.#responder.bounds.ranges();
  }

  sockets(): readonly OpenSocket[] {
    return Array.from(this.#sockets.values(), ({ wanted, socket }) => {
      return { name: wanted.name, port: wanted.port, counters: socket.counters() };
    });
  }

  problems(): readonly SocketProblem[] {
    return this.#problems;
  }

  /**
   * Accepts no more messages, and waits until every pending reply has left. @param graceMs the
   * longest wait
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const { clock } = this.#deps;
    const end = clock.now() + graceMs;
    while (this.#responder.waiting > 0 && clock.now() < end) {
      await pause(clock, DRAIN_CHECK_MS);
    }
  }

  /**
   * Stores the newest running lease again, so that the disk holds the wall clock after a step
   * (`lease-clock.ts`). A lease granted before this boot of the host proves nothing about the
   * clock.
   * @param bootedAt when the host started; older leases are left as they are
   * @returns false while the disk accepts nothing
   */
  restamp(bootedAt: Instant): boolean {
    const { clock, journal, table } = this.#deps;
    // First: the caller retries every second while the disk refuses, and the table may hold a million leases.
    if (!journal.available) return false;
    const now = clock.now();
    let running: Lease | undefined;
    for (const lease of table.records()) {
      if (isActive(lease, now) && (running === undefined || lease.grantedAt > running.grantedAt)) running = lease;
    }
    if (running === undefined || running.grantedAt < bootedAt) return true;
    // The record does not change, so the table has nothing to follow.
    journal.append(running);
    return true;
  }

  /**
   * Imports another server's leases, as if granted here: all or none.
   * @returns the last one's journal sequence; undefined: the disk cannot take them now
   */
  adopt(leases: readonly Lease[]): number | undefined {
    const { journal, table } = this.#deps;
    if (journal.freeRecords < leases.length) return undefined;
    let sequence: number | undefined;
    for (const lease of leases) {
      sequence = journal.append(lease);
      table.apply(lease, sequence);
      this.#responder.given(lease.address);
    }
    this.#watchExpiry();
    return sequence;
  }

  /** True once every ended lease was reported, except those ended at load. */
  get endsReported(): boolean {
    const { clock, table } = this.#deps;
    return (table.nextExpiry ?? Number.POSITIVE_INFINITY) > clock.now();
  }

  /** Reports leases that had ended when loaded, unless their address has another record by now. */
  reportEnded(leases: readonly Lease[]): void {
    const { table } = this.#deps;
    this.#responder.reportEnded(leases.filter((lease) => table.find(lease.address) === lease));
  }

  get waiting(): number {
    return this.#responder.waiting;
  }

  /** Stops answering and closes the sockets. The caller then closes the journal. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#alarm.cancel();
    this.#responder.close();
    this.#foreign.close();
    this.#retryTimer?.cancel();
    await this.#work;
    for (const { socket } of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  async #apply(): Promise<readonly SocketProblem[]> {
    const { serverPort, clientPort, foreignProbe } = this.#config;
    const subnets = indexSubnets(this.#config, this.#interfaces);
    this.#responder.setSubnets(subnets, { serverPort, clientPort });
    const probeMs = foreignProbe === undefined ? undefined : foreignProbe * 1000;
    if (!this.#closed)
      this.#foreign.configure(listSharedNetworks(subnets, this.#interfaces), probeMs, { serverPort, clientPort });
    this.#responder.bounds.newClients.setRate(this.#config.newClientsPerSecond ?? NEW_CLIENTS_PER_SECOND);
    this.#watchExpiry();
    this.#work = this.#work.then(() => this.#reconcile());
    await this.#work;
    return this.#problems;
  }

  async #reconcile(): Promise<void> {
    this.#retryTimer?.cancel();
    const wanted = this.#closed ? [] : planSockets(this.#config, this.#interfaces);
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, { socket }] of this.#sockets) {
      if (keys.has(key)) continue;
      this.#sockets.delete(key);
      socket.close();
    }
    const problems: SocketProblem[] = [];
    for (const socketRequest of wanted) {
      if (this.#closed || this.#sockets.has(socketRequest.key)) continue;
      const problem = await this.#open(socketRequest);
      if (problem !== undefined) problems.push(problem);
    }
    this.#problems = problems;
    if (problems.length > 0 && !this.#closed) {
      this.#retryTimer = this.#deps.clock.schedule(SOCKET_RETRY_MS, () => void this.#apply());
    }
  }

  async #open(wanted: WantedSocket): Promise<SocketProblem | undefined> {
    const { name, address, port, interfaceName, source, bootServer } = wanted;
    const arrival = { interfaceName, localAddress: address };
    try {
      const socket = await this.#deps.network.open({
        address,
        port,
        ...(interfaceName === undefined ? { freebind: true } : { device: interfaceName }),
        ...(source === undefined ? {} : { source }),
        broadcast: true,
        shared: true,
        onDatagrams: (datagrams) => {
          if (this.#draining || this.#closed) {
            this.#ignored += datagrams.length;
            return;
          }
          if (!bootServer) this.#responder.receive(datagrams, arrival);
          else
            for (const datagram of datagrams)
              this.#responder.receive([datagram], { ...arrival, bootServerPort: datagram.fromPort });
          this.#watchExpiry();
        },
        onSendError: (code) => this.#reportSocket('dhcp.send-failed', wanted, code),
      });
      this.#sockets.set(wanted.key, { wanted, socket });
      this.#reportSocket('dhcp.socket-open', wanted, undefined);
      return undefined;
    } catch (error) {
      const problem =
        error instanceof RackError ? error : new RackError('socket-refused', errorText(error), { cause: error });
      // Reported once for each different failure.
      const isReported = this.#problems.some(
        (before) => before.name === name && before.error.message === problem.message,
      );
      if (!isReported) this.#reportSocket('dhcp.socket-failed', wanted, problem.message);
      return { name, error: problem };
    }
  }

  #transmit(replies: readonly Reply[]): ReadonlySet<Reply> {
    const stranded = new Set<Reply>();
    const batches = new Map<DatagramSocket, OutgoingDatagram[]>();
    for (const reply of replies) {
      const socket = this.#socketFor(reply);
      if (socket === undefined) {
        stranded.add(reply);
        continue;
      }
      const batch = batches.get(socket);
      if (batch === undefined) batches.set(socket, [reply.datagram]);
      else batch.push(reply.datagram);
    }
    for (const [socket, batch] of batches) socket.send(batch);
    return stranded;
  }

  /** Undefined if the interface went away meanwhile: its client went with it. */
  #socketFor({ datagram, arrival, interfaceName }: Reply): DatagramSocket | undefined {
    let byArrival: DatagramSocket | undefined;
    let byDevice: DatagramSocket | undefined;
    const toBootServer = arrival.bootServerPort !== undefined;
    for (const { wanted, socket } of this.#sockets.values()) {
      if (wanted.bootServer !== toBootServer) continue;
      if (wanted.interfaceName !== undefined && wanted.interfaceName === interfaceName) byDevice = socket;
      if (wanted.interfaceName === arrival.interfaceName && wanted.address === arrival.localAddress) byArrival = socket;
    }
    return datagram.to.kind === 'unicast' ? (byArrival ?? byDevice) : (byDevice ?? byArrival);
  }

  /** Sets the one timer to the lease that ends first. */
  #watchExpiry(): void {
    if (!this.#closed) this.#alarm.expect(this.#deps.table.nextExpiry);
  }

  #onExpiry(): void {
    const expired = this.#responder.expire();
    if (expired > 0 && this.endsReported) this.#deps.onEndsReported?.(this.#deps.clock.now());
    this.#watchExpiry();
  }

  #reportSocket(kind: DhcpEvent['kind'], socket: WantedSocket, reason: string | undefined): void {
    const { name, interfaceName } = socket;
    const at = this.#deps.clock.now();
    const sample = this.#sampler.take(`${kind} ${name}`, at);
    if (sample === undefined) return;
    const place = interfaceName === undefined ? { address: socket.address } : { interfaceName };
    const event: DhcpEvent = { kind, at, ...place, reason, ...sample };
    this.#deps.publish(event);
  }
}
