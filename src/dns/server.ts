// The DNS server: UDP and TCP on each address, and the sockets to the upstreams. Sources: RFC 1035
// §4.2; RFC 7766 §5 (TCP is mandatory), §6.2.
//
// 1. UDP and TCP of an address are opened together; unchanged listeners stay open.
// 2. `configure` applies a configuration whole, or throws and changes nothing.
// 3. On an address the host does not have yet, UDP is bound anyway, TCP once it exists.
// 4. `FairShares` shares out the connections. A new connection closes an idle one of its client at
//    CLIENT_CONNECTIONS_MAX, of the client with the most at CONNECTIONS_MAX. If none may be closed,
//    it is refused.
// 5. Upstream sockets are open while upstreams are configured or questions in flight.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { formatIpv4, type Ipv4, parseIpv4 } from '../ground/address.ts';
import type { Clock, Timer } from '../ground/clock.ts';
import { osErrorCode, RackError } from '../ground/errors.ts';
import type { Publish } from '../ground/event.ts';
import { Turns } from '../ground/turns.ts';
import type {
  DatagramSocket,
  HostNetwork,
  OutgoingDatagram,
  ReceivedDatagram,
  SocketCounters,
} from '../net/datagrams/datagram.ts';
import { FairShares, type Place } from '../net/shares/fair-shares.ts';
import { toSocketError } from '../net/socket-error.ts';
import type { DnsConfig, DnsUpstream } from './config.ts';
import type { DnsCounter, DnsEvent } from './events.ts';
import { FLIGHT_MS } from './forward.ts';
import { LARGE_REPLY_OCTETS, LargeReplies } from './large-replies.ts';
import { TCP_OCTETS_MAX } from './message.ts';
import type { Names } from './names.ts';
import { DnsService } from './service.ts';
import { Connection, FrameReader, frame, STREAM_TURNS } from './stream.ts';
import { UpstreamSockets } from './upstream-sockets.ts';

/**
 * Open TCP connections of clients. Any host that reaches the port can fill it; then one of the
 * client with the most is closed, an idle one first. Idle ones are closed after IDLE_MS.
 */
export const CONNECTIONS_MAX = 256;
/**
 * One client's part of CONNECTIONS_MAX. Beyond that a new one closes its longest idle one, or is
 * refused.
 */
export const CLIENT_CONNECTIONS_MAX = 32;
/** How often TCP is tried on an address the host does not have yet, in milliseconds. */
const RELISTEN_MS = 1_000;

interface DnsServerDeps {
  readonly network: Pick<HostNetwork, 'open' | 'received'>;
  readonly clock: Clock;
  readonly publish: Publish;
  readonly names: Names;
}

interface Listener {
  readonly address: Ipv4;
  readonly udp: DatagramSocket;
  tcp: Server | undefined;
  retry: Timer | undefined;
  closed: boolean;
}

export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #service: DnsService;
  readonly #listeners = new Map<string, Listener>();
  readonly #shares = new FairShares<Connection>({ max: CONNECTIONS_MAX, addressMax: CLIENT_CONNECTIONS_MAX });
  readonly #turns: Turns;
  readonly #connections = new Map<Connection, Place<Connection>>();
  readonly #upstreamSockets: UpstreamSockets;
  /** Connections to upstreams, by exchange. */
  readonly #streams = new Map<number, Socket>();
  readonly #largeReplies: LargeReplies;
  #forwards = false;
  /** Closes the upstream sockets once no question can be in flight. */
  #upstreamCloseTimer: Timer | undefined;
  #configuring: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: DnsServerDeps) {
    this.#deps = deps;
    const { clock, names, publish } = deps;
    this.#turns = new Turns(clock, STREAM_TURNS, () => deps.network.received);
    const upstream = {
      send: (socket: number, to: DnsUpstream, bytes: Uint8Array) => this.#upstreamSockets.send(socket, to, bytes),
      stream: (exchange: number, to: DnsUpstream, bytes: Uint8Array) => this.#stream(exchange, to, bytes),
      closeStream: (exchange: number) => this.#closeStream(exchange),
    };
    this.#service = new DnsService({ clock, publish, names, upstream });
    this.#largeReplies = new LargeReplies(
      new Turns(clock, STREAM_TURNS, () => deps.network.received),
      (exchange, bytes) => this.#service.receiveStream(exchange, bytes),
    );
    this.#upstreamSockets = new UpstreamSockets(deps.network, clock, (socket, from, fromPort, bytes) =>
      this.#service.receive(socket, from, fromPort, bytes),
    );
  }

  /**
   * Applies `config`; calls run one after another.
   * @throws RackError `address-in-use`, `permission-denied` and those of `DatagramNetwork.open`;
   * then nothing has changed.
   */
  configure(config: DnsConfig): Promise<void> {
    const run = this.#configuring.then(() => this.#configure(config));
    this.#configuring = run.catch(() => {});
    return run;
  }

  /** The open listeners, with the actual port for 0. */
  get listeners(): readonly { readonly address: Ipv4; readonly port: number; readonly tcp: boolean }[] {
    return [...this.#listeners.values()].map(({ address, udp, tcp }) => ({
      address,
      port: udp.localPort,
      tcp: tcp !== undefined,
    }));
  }

  counters(): Readonly<Record<DnsCounter, number>> {
    return this.#service.counters.read();
  }

  /** Gauges: clients' open TCP connections, and cached upstream answers. */
  get gauges(): { readonly connections: number; readonly cached: number } {
    return { connections: this.#connections.size, cached: this.#service.cached };
  }

  /** The counters of the open sockets to clients. */
  sockets(): readonly SocketCounters[] {
    return [...this.#listeners.values()].map(({ udp }) => udp.counters());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#configuring;
    this.#service.close();
    this.#upstreamCloseTimer?.cancel();
    for (const connection of [...this.#connections.keys()]) connection.close();
    this.#upstreamSockets.close();
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    await Promise.all(listeners.map(closeListener));
  }

  async #configure(config: DnsConfig): Promise<void> {
    if (this.#closed) throw new RackError('not-running', 'the DNS server was closed');
    const wanted = new Map(config.listen.map((address) => [`${address}:${config.listenPort}`, address]));
    const opened = new Map<string, Listener>();
    // Without listeners no upstream sockets are needed.
    const hasUpstreams = config.upstream.length > 0 || (config.forwardZones?.length ?? 0) > 0;
    const forwards = wanted.size > 0 && hasUpstreams;
    try {
      for (const [key, address] of wanted) {
        if (!this.#listeners.has(key)) opened.set(key, await this.#listen(address, config.listenPort));
      }
      if (forwards) await this.#upstreamSockets.open();
      this.#service.configure(config);
    } catch (error) {
      await Promise.all([...opened.values()].map(closeListener));
      if (!this.#forwards) this.#closeUpstreamSocketsLater();
      throw error;
    }
    this.#forwards = forwards;
    if (!forwards) this.#closeUpstreamSocketsLater();
    for (const [key, listener] of [...this.#listeners]) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      await closeListener(listener);
    }
    for (const [key, listener] of opened) {
      this.#listeners.set(key, listener);
      this.#publish({ kind: 'dns.listening', address: listener.address, port: listener.udp.localPort });
      if (listener.tcp === undefined) this.#relisten(listener);
    }
  }

  async #listen(address: Ipv4, port: number): Promise<Listener> {
    const udp = await this.#deps.network.open({
      address,
      port,
      freebind: true,
      onDatagrams: (datagrams, socket) => this.#receive(datagrams, socket),
    });
    try {
      const tcp = await this.#listenTcp(address, udp.localPort);
      return { address, udp, tcp, retry: undefined, closed: false };
    } catch (error) {
      if (osErrorCode(error) === 'EADDRNOTAVAIL') {
        return { address, udp, tcp: undefined, retry: undefined, closed: false };
      }
      udp.close();
      throw toSocketError(error, { address, port: udp.localPort, protocol: 'TCP', setting: 'dns.listen' });
    }
  }

  #listenTcp(address: Ipv4, port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
      server.once('error', reject);
      server.listen({ host: formatIpv4(address), port, exclusive: true }, () => {
        server.off('error', reject);
        // An error of accepting (too many open files); the server continues.
        server.on('error', () => this.#service.counters.add('tcp-refused'));
        resolve(server);
      });
    });
  }

  /** Retries TCP until the host has the address. */
  #relisten(listener: Listener): void {
    const { address, udp } = listener;
    this.#publish({ kind: 'dns.listener-waiting', address, port: udp.localPort });
    const attempt = async (): Promise<void> => {
      try {
        const tcp = await this.#listenTcp(address, udp.localPort);
        if (listener.closed) tcp.close();
        else {
          listener.tcp = tcp;
          this.#publish({ kind: 'dns.listening', address, port: udp.localPort, reason: 'TCP' });
        }
      } catch {
        // UDP is served and TCP is tried again.
        if (!listener.closed) schedule();
      }
    };
    const schedule = (): void => {
      listener.retry = this.#deps.clock.schedule(RELISTEN_MS, () => void attempt());
    };
    schedule();
  }

  #receive(datagrams: readonly ReceivedDatagram[], socket: DatagramSocket): void {
    const replies: OutgoingDatagram[] = [];
    for (const { bytes, from, fromPort } of datagrams) {
      // Port 0 cannot be answered.
      const handled = fromPort === 0 ? undefined : this.#service.handle(bytes, from, 'udp');
      if (handled === undefined) continue;
      const to = { kind: 'unicast', address: from, port: fromPort } as const;
      if (handled instanceof Uint8Array) replies.push({ bytes: handled, to });
      else this.#service.forward(handled, from, (reply) => socket.send([{ bytes: reply, to }]));
    }
    if (replies.length > 0) socket.send(replies);
  }

  #accept(socket: Socket): void {
    const client = parseIpv4(socket.remoteAddress ?? '');
    if (client === undefined || this.#closed) {
      this.#refuse(socket);
      return;
    }
    const connection = new Connection(socket, client, this.#deps.clock, this.#turns, {
      onMessage: (message, from) => this.#receiveMessage(message, from),
      onActive: (active) => this.#updateShare(active),
      onClosed: (gone, wasIdle) => {
        this.#forget(gone);
        if (wasIdle) this.#service.counters.add('tcp-idle');
      },
    });
    const admission = this.#shares.admit(client, connection);
    if (admission.kind === 'refused') {
      this.#refuse(socket);
      return;
    }
    this.#connections.set(connection, admission.place);
    this.#service.counters.add('tcp-accepted');
    this.#updateShare(connection);
    if (admission.evicted === undefined) return;
    this.#service.counters.add('tcp-evicted');
    this.#forget(admission.evicted);
    admission.evicted.close();
  }

  #refuse(socket: Socket): void {
    this.#service.counters.add('tcp-refused');
    socket.destroy();
  }

  /** Only an idle connection may be closed for another. */
  #updateShare(connection: Connection): void {
    const place = this.#connections.get(connection);
    if (place !== undefined) this.#shares.touch(place, connection.isIdle);
  }

  #forget(connection: Connection): void {
    const place = this.#connections.get(connection);
    if (place === undefined) return;
    this.#connections.delete(connection);
    this.#shares.release(place);
  }

  #receiveMessage(message: Uint8Array, connection: Connection): void {
    const handled = this.#service.handle(message, connection.client, 'tcp');
    if (handled === undefined || handled instanceof Uint8Array) connection.answer(handled);
    else this.#service.forward(handled, connection.client, (reply) => connection.answer(reply));
  }

  /** Closes the upstream sockets once no question is in flight. */
  #closeUpstreamSocketsLater(): void {
    if (this.#upstreamSockets.size === 0) return;
    this.#upstreamCloseTimer?.cancel();
    this.#upstreamCloseTimer = this.#deps.clock.schedule(FLIGHT_MS, () => {
      if (!this.#forwards) this.#upstreamSockets.close();
    });
  }

  /** Asks an upstream over TCP: one connection for one question. The forwarder decides when to give up. */
  #stream(exchange: number, to: DnsUpstream, bytes: Uint8Array): void {
    const frames = new FrameReader(TCP_OCTETS_MAX);
    const socket = connect({ host: formatIpv4(to.address), port: to.port });
    this.#streams.set(exchange, socket);
    const finish = (message: Uint8Array | undefined): void => {
      if (this.#streams.get(exchange) !== socket) return;
      this.#closeStream(exchange);
      const isLarge = message !== undefined && message.length > LARGE_REPLY_OCTETS;
      if (!isLarge) this.#service.receiveStream(exchange, message);
      else if (!this.#largeReplies.hold(exchange, message)) this.#service.receiveStream(exchange, undefined);
    };
    socket.on('connect', () => socket.write(frame(bytes)));
    socket.on('data', (chunk) => {
      frames.feed(chunk);
      const message = frames.next();
      if (message !== undefined) finish(message);
    });
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
  }

  #closeStream(exchange: number): void {
    this.#streams.get(exchange)?.destroy();
    this.#streams.delete(exchange);
    this.#largeReplies.forget(exchange);
  }

  #publish(event: Omit<DnsEvent, 'at'>): void {
    const full: DnsEvent = { ...event, at: this.#deps.clock.now() };
    this.#deps.publish(full);
  }
}

async function closeListener(listener: Listener): Promise<void> {
  listener.closed = true;
  listener.retry?.cancel();
  listener.udp.close();
  const { tcp } = listener;
  if (tcp === undefined) return;
  await new Promise<void>((resolve) => {
    // Open connections end on their own.
    tcp.close();
    resolve();
  });
}
